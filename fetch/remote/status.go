package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// status is the response to a poll, or to a request for a page of the manifest.
type status struct {
	// complete reports that the export has ended successfully.
	complete bool
	// page is nil while the export runs and has no files yet.
	page     *page
	progress string
	asked    retry.Asked
}

// getStatus requests a status or a page of the manifest, once. If partial is true, the
// response of a running export is a page if it can be read as one.
func (s *Server) getStatus(ctx context.Context, target *url.URL, partial bool) (*status, error) {
	response, err := s.send(ctx, newRequest(http.MethodGet, target, "application/json"))
	if err != nil {
		return nil, asTemporary(ctx, err)
	}
	defer drain(response)
	code, separate := exportStatus(response)
	result := &status{complete: code == http.StatusOK, progress: quote.Line(quote.Hide(response.Header.Get("X-Progress"), response.Request), maxProgress)}
	result.asked = retry.AskedBy(code, response.Header)
	switch {
	case separate && code >= 400:
		return nil, withStatus(ErrFailed, code, readOutcome(response).issues)
	case code >= 400:
		return nil, failure(response, ErrFailed)
	case code == http.StatusOK, code == http.StatusAccepted && partial:
	case code == http.StatusAccepted:
		return result, nil
	default:
		return nil, fmt.Errorf("the server answers the request for the status with %d, want 200 or 202", code)
	}
	result.page, err = s.readPage(response)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !result.complete && errors.Is(err, errNoManifest):
		return result, nil
	}
	return nil, asTemporary(ctx, fmt.Errorf("read the manifest from %s: %w", quote.URL(target), err))
}

// maxProgress is the longest text of X-Progress that is reported; the specification allows
// less than 100 characters.
const maxProgress = 200

// exportStatus returns the status of the export that a response reports. With the
// preference separate-export-status it is in a header, if the status of the response is
// 200 (Bulk Data 3.0.0, "Headers").
func exportStatus(response *http.Response) (code int, separate bool) {
	header := response.Header.Get("X-Export-Status")
	if response.StatusCode != http.StatusOK || header == "" {
		return response.StatusCode, false
	}
	number, _, _ := strings.Cut(strings.TrimSpace(header), " ")
	code, err := strconv.Atoi(number)
	if err != nil {
		return response.StatusCode, false
	}
	return code, true
}

// failure returns the error of a response with a status from 400: final, unless the server
// does not know the export, rejects the credentials, or fails for the moment.
//
// A poll that fails does not mean that the export failed. The specification distinguishes
// them by the code of the issue, which few servers set, and whether a server or a proxy
// before it responds is not known. So statuses of proxies and of overload, responses
// without an OperationOutcome or with a transient code are temporary; 404, and 500 with an
// OperationOutcome, are believed when they are repeated; all others are final.
func failure(response *http.Response, final error) error {
	code := response.StatusCode
	outcome := readOutcome(response)
	rejected := &retry.Temporary{Err: withStatus(errRejected, code, outcome.issues), Asked: retry.AskedBy(code, response.Header)}
	if rejected.Asked.InFull {
		rejected.Err = fmt.Errorf("%w; it asks to wait for %s", rejected.Err, rejected.Asked.After)
	}
	switch code {
	case http.StatusGone:
		return withStatus(ErrGone, code, outcome.issues)
	case http.StatusNotFound: // perhaps of a proxy, or of a replica that does not know the export yet
		gone := withStatus(ErrGone, code, outcome.issues)
		return &retry.Temporary{Err: &doubtfulError{err: gone, final: gone}, Asked: rejected.Asked}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &RefusedError{Status: code, Issues: outcome.issues, Wait: rejected.Asked.After}
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return rejected
	}
	failed := withStatus(final, code, outcome.issues)
	switch {
	case code == http.StatusNotImplemented:
		return failed
	case outcome.isTransient(), code >= 500 && !outcome.isFHIR:
		return rejected
	case code >= 500:
		rejected.Err = &doubtfulError{err: rejected.Err, final: failed}
		return rejected
	}
	return failed
}

// asTemporary marks an error of the network as worth a repetition.
func asTemporary(ctx context.Context, err error) error {
	if ctx.Err() != nil || !retry.IsTransient(0, err) {
		return err
	}
	return &retry.Temporary{Err: err}
}
