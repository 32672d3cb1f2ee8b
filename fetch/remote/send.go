package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// request is one request to the server.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	// sent is not nil for a request that is not interrupted once it was sent, and becomes
	// true then. It is never repeated by net/http.
	sent *atomic.Bool
}

// newRequest returns a request without a body whose response has a media type.
func newRequest(method string, target *url.URL, accept string) request {
	return request{method: method, url: target, header: http.Header{"Accept": {accept}}}
}

// send sends a request with the credentials, and once more with others if they are
// rejected. The body of the response is decompressed. Reading it fails if nothing arrives
// for a while.
func (s *Server) send(ctx context.Context, r request) (*http.Response, error) {
	response, again, err := s.sendOnce(ctx, r)
	if err == nil && again {
		_ = response.Body.Close()
		response, _, err = s.sendOnce(ctx, r)
	}
	return response, err
}

// sendOnce sends a request once. again reports that its credentials were rejected and that
// there are others.
func (s *Server) sendOnce(ctx context.Context, r request) (response *http.Response, again bool, err error) {
	sending := ctx
	if r.sent != nil {
		var stop func() bool
		sending, stop = untilSent(ctx, r.sent)
		defer stop()
	}
	sending, cancel := context.WithCancelCause(sending)
	defer func() {
		if err != nil {
			cancel(nil)
		}
	}()
	outgoing, err := http.NewRequestWithContext(sending, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, false, fmt.Errorf("%s %s: %w", r.method, quote.URL(r.url), withoutURL(err))
	}
	outgoing.Header = r.header.Clone()
	outgoing.Header.Set("Accept-Encoding", "gzip")
	if err := s.authorize(ctx, outgoing); err != nil {
		return nil, false, err
	}
	if r.sent != nil {
		// net/http repeats a GET if a connection that was used before breaks.
		s.client.CloseIdleConnections()
	}
	response, err = s.client.Do(outgoing)
	switch {
	case err != nil && sending.Err() != nil:
		return nil, false, context.Cause(sending)
	case err != nil:
		return nil, false, s.unreached(fmt.Errorf("%s %s: %w", r.method, quote.URL(r.url), withoutURL(err)))
	}
	s.reached.Store(true)
	response.Body = newBody(response, cancel)
	return response, s.rejected(outgoing, response), nil
}

// untilSent returns a context that ends with ctx until a request with it is sent, which is
// recorded in sent.
func untilSent(ctx context.Context, sent *atomic.Bool) (sending context.Context, stop func() bool) {
	sent.Store(false)
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop = context.AfterFunc(ctx, func() {
		if !sent.Load() {
			cancel(context.Cause(ctx))
		}
	})
	return httptrace.WithClientTrace(sending, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}), stop
}

// unreached marks the error of a request without a response as permanent if the host is
// unknown and no request has had a response.
func (s *Server) unreached(err error) error {
	if retry.IsUnknownHost(err) && !s.reached.Load() {
		return retry.Permanent(err)
	}
	return err
}

// authorize sets the credentials, and warns if none are sent.
func (s *Server) authorize(ctx context.Context, r *http.Request) error {
	if s.login == nil {
		return nil
	}
	withheld, err := access.Authorize(ctx, s.login, s.base, r)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("authenticate: %w", err)
	case withheld != "":
		s.warnOnce(withheld)
	}
	return nil
}

// rejected reports whether a response rejects the credentials of its request and there are
// others. A response from another server, after a redirect, says nothing about them.
func (s *Server) rejected(r *http.Request, response *http.Response) bool {
	return response.StatusCode == http.StatusUnauthorized && r.Header.Get("Authorization") != "" &&
		access.SameOrigin(r.URL, response.Request.URL) && s.login.Rejected(r)
}

// repeat calls a request until it succeeds, fails with an error that is not temporary, or
// is no longer repeated under the policy.
func (s *Server) repeat(ctx context.Context, policy retry.Policy, request func() error) error {
	inARow := 0
	var doubtful *doubtfulError
	err := policy.Repeat(ctx, s.repeated("request"), func() error {
		err := request()
		if !errors.As(err, &doubtful) {
			inARow = 0
		} else if inARow++; inARow == confirmations {
			return doubtful.final
		}
		return err
	})
	if errors.As(err, &doubtful) {
		return doubtful.final
	}
	return err
}

// confirmations is how many times in a row a poll has to fail with status 404 or 500 until
// the export is regarded as gone or failed: some servers answer so when only the poll failed.
const confirmations = 3

// repeated returns a function that reports repetitions of a request: once, and again when
// the cause changes. Short waits for the same cause are reported once in a run.
func (s *Server) repeated(what string) func(error, time.Duration) {
	var reported string
	return func(err error, wait time.Duration) {
		cause := err.Error()
		switch {
		case cause == reported:
		case wait >= longWait:
			s.warn(fmt.Sprintf("%s; the %s is repeated in %s", cause, what, wait.Round(time.Second)))
			reported = cause
		case s.warnOnce(fmt.Sprintf("%s; the %s is repeated", cause, what)):
			reported = cause
		}
	}
}

// withoutURL removes the URL that net/http puts in front of its errors.
func withoutURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

// drain reads the small rest of a body, so that its connection can be used again.
func drain(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
}
