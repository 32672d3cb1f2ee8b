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

// Delete deletes an export on the server. An export that is gone is no error, and neither is
// a server that deletes no exports.
func (s *Server) Delete(ctx context.Context, statusURL string) error {
	target, err := parseStatusURL(statusURL)
	if err != nil {
		return err
	}
	limit := min(deleteFor, s.limits.RetryFor)
	return s.repeat(ctx, s.waits(limit), func() error {
		response, err := s.send(ctx, newRequest(http.MethodDelete, target, fhirJSON))
		if err != nil {
			return asTemporary(ctx, err)
		}
		defer drain(response)
		switch code := response.StatusCode; {
		case code >= 200 && code <= 299, code == http.StatusNotFound, code == http.StatusGone:
			return nil
		case code == http.StatusMethodNotAllowed, code == http.StatusNotImplemented:
			s.warnOnce(withStatus(errNotDeleted, code, readOutcome(response).issues).Error())
			return nil
		}
		return failure(response, errNotDeleted)
	})
}
