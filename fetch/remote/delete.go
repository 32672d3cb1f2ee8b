package remote

import (
	"context"
	"errors"
	"net/http"
	"time"
)

var errNotDeleted = errors.New("the server does not delete the export")

// deleteFor is the longest time for which a deletion is repeated.
const deleteFor = 2 * time.Minute

// Delete deletes an export on the server. An export that is gone is no error.
func (s *Server) Delete(ctx context.Context, statusURL string) error {
	target, err := parseStatusURL(statusURL)
	if err != nil {
		return err
	}
	limit := min(deleteFor, s.limits.RetryFor)
	err = s.repeat(ctx, limit, func() error {
		response, err := s.send(ctx, newRequest(http.MethodDelete, target, fhirJSON))
		if err != nil {
			return asTemporary(ctx, err)
		}
		defer drain(response)
		if response.StatusCode >= 200 && response.StatusCode <= 299 {
			return nil
		}
		return failure(response, errNotDeleted)
	})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}
