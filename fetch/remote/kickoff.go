package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// KickOff starts an export and returns its status URL, absolute. The error is a
// *RefusedError if the server refuses the request.
//
// A kick-off is repeated up to KickOffWait if the server rejects it with 429, 502, 503 or
// 504, and up to RetryFor while the server is not reached. It is not repeated if the connection was lost after it was sent:
// the server may have started an export, and some allow only one at a time.
func (s *Server) KickOff(ctx context.Context, r Request) (statusURL string, err error) {
	get, post, err := s.kickOffs(r)
	if err != nil {
		return "", retry.Permanent(err)
	}
	method, err := r.method(get.url)
	if err != nil {
		return "", retry.Permanent(err)
	}
	next := get
	if method == http.MethodPost {
		next = post
	}
	outage := outage{limit: s.limits.RetryFor}
	err = s.waits(s.limits.KickOffWait).Repeat(ctx, s.repeated("kick-off"), func() (err error) {
		statusURL, err = s.kickOff(ctx, next)
		if r.Method == "" && next.method == http.MethodGet && needsPOST(err) {
			next = post
			statusURL, err = s.kickOff(ctx, next)
		}
		return outage.limited(err)
	})
	return statusURL, err
}

// outage is a time in which a server is not reached.
type outage struct {
	limit time.Duration // 0: none
	since time.Time     // zero if the server was reached
}

// limited returns the error of a request; one that is no longer temporary if the outage is
// too long.
func (o *outage) limited(err error) error {
	var refused *RefusedError
	var temporary *retry.Temporary
	switch {
	case !errors.As(err, &temporary) || errors.As(err, &refused):
		o.since = time.Time{}
	case o.since.IsZero():
		o.since = time.Now()
	case o.limit > 0 && time.Since(o.since) >= o.limit:
		return temporary.Err
	}
	return err
}

// kickOffs returns a request as GET and as POST.
func (s *Server) kickOffs(r Request) (get, post request, err error) {
	if err := r.check(); err != nil {
		return get, post, err
	}
	target, err := r.url(s.base)
	if err != nil {
		return get, post, err
	}
	query := target.Query()
	for name, values := range r.query() {
		query[name] = append(query[name], values...)
	}
	withQuery := *target
	withQuery.RawQuery = query.Encode()
	get = newRequest(http.MethodGet, &withQuery, fhirJSON)
	post = newRequest(http.MethodPost, target, fhirJSON)
	post.header.Set("Content-Type", fhirJSON)
	if post.body, err = r.body(); err != nil {
		return get, post, fmt.Errorf("encode the parameters: %w", err)
	}
	// One header for each preference: servers that compare the first with respond-async
	// accept the request.
	preferences := []string{"respond-async"}
	if r.Lenient {
		preferences = append(preferences, "handling=lenient")
	}
	if r.SeparateStatus {
		preferences = append(preferences, "separate-export-status")
	}
	get.header["Prefer"], post.header["Prefer"] = preferences, preferences
	return get, post, nil
}

const fhirJSON = "application/fhir+json"

// needsPOST reports whether a GET was refused for a reason that a POST does not have.
func needsPOST(err error) bool {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusMethodNotAllowed, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// kickOff sends a kick-off once. The error is a *retry.Temporary if no export was started
// and the request is worth a repetition. What was sent is not interrupted: the server may
// start an export, which somebody has to know.
func (s *Server) kickOff(ctx context.Context, r request) (string, error) {
	r.sent = new(atomic.Bool)
	response, err := s.send(ctx, r)
	if err != nil {
		return "", unsent(ctx, err, r.sent.Load())
	}
	defer drain(response)
	if response.StatusCode >= 200 && response.StatusCode <= 299 {
		return s.statusURL(response)
	}
	refused := &RefusedError{Status: response.StatusCode, Issues: readOutcome(response).issues}
	asked := retry.AskedBy(response.StatusCode, response.Header)
	refused.Wait = asked.After
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "", &retry.Temporary{Err: refused, Asked: asked}
	}
	return "", refused
}

// unsent returns the error of a kick-off without a response: temporary if it did not reach
// the server.
func unsent(ctx context.Context, err error, sent bool) error {
	switch {
	case ctx.Err() != nil, !retry.IsTransient(0, err):
		return err
	case sent:
		return fmt.Errorf("the response to the kick-off was lost, the server may have started an export: %w", err)
	}
	return &retry.Temporary{Err: err}
}

// statusURL returns the URL of the status from the response to a kick-off.
func (s *Server) statusURL(response *http.Response) (string, error) {
	location := response.Header.Get("Content-Location")
	if location == "" {
		return "", &RefusedError{Status: response.StatusCode, Issues: []string{"the response has no Content-Location: the server does not export asynchronously"}}
	}
	target, err := s.resolve(response.Request.URL, location)
	if err != nil {
		return "", fmt.Errorf("the Content-Location of the kick-off %w", err)
	}
	return target.String(), nil
}

// resolve returns a reference in a response as an absolute URL. http becomes https if the
// response came from the same host by https: the server is behind a proxy of whose TLS it
// does not know.
func (s *Server) resolve(from *url.URL, text string) (*url.URL, error) {
	target, err := from.Parse(text)
	if err != nil {
		return nil, errors.New("is not a URL") // the text may be signed
	}
	if target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
		return nil, errors.New("is neither http nor https")
	}
	if from.Scheme == "https" && target.Scheme == "http" && target.Hostname() == from.Hostname() && (target.Port() == "" || target.Port() == "80" || target.Port() == from.Port()) {
		s.warnOnce("the server refers to itself by http although it was asked by https: https is used")
		target.Scheme, target.Host = from.Scheme, from.Host
	}
	return target, nil
}
