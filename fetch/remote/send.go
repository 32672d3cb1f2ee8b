package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// request is one request to the server.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
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
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			cancel(nil)
		}
	}()
	outgoing, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, false, fmt.Errorf("%s %s: %w", r.method, place(r.url), withoutURL(err))
	}
	outgoing.Header = r.header.Clone()
	outgoing.Header.Set("Accept-Encoding", "gzip")
	if err := s.authorize(ctx, outgoing); err != nil {
		return nil, false, err
	}
	response, err = s.client.Do(outgoing)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, false, context.Cause(ctx)
	case err != nil:
		return nil, false, fmt.Errorf("%s %s: %w", r.method, place(r.url), withoutURL(err))
	}
	response.Body = newBody(response, cancel)
	return response, s.rejected(outgoing, response), nil
}

// authorize sets the credentials. They are not sent unencrypted if the server has TLS.
func (s *Server) authorize(ctx context.Context, r *http.Request) error {
	if s.login == nil {
		return nil
	}
	if s.base.Scheme == "https" && r.URL.Scheme != "https" {
		s.warnOnce("the server refers to " + place(r.URL) + " without TLS: no credentials are sent there")
		return nil
	}
	if err := s.login.Authorize(ctx, r); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("authenticate: %w", err)
	}
	return nil
}

// rejected reports whether a response rejects the credentials of its request and there are
// others. A response from another server, after a redirect, says nothing about them.
func (s *Server) rejected(r *http.Request, response *http.Response) bool {
	return response.StatusCode == http.StatusUnauthorized && r.Header.Get("Authorization") != "" &&
		sameOrigin(r.URL, response.Request.URL) && s.login.Rejected(r)
}

// repeat calls a request until it succeeds, fails with an error that is not temporary, or
// limit has passed.
func (s *Server) repeat(ctx context.Context, limit time.Duration, request func() error) error {
	deadline := retry.NewDeadline(limit)
	inARow := 0
	for failures := 1; ; failures++ {
		err := request()
		var temporary *temporaryError
		if !errors.As(err, &temporary) {
			return err
		}
		if inARow++; temporary.final == nil {
			inARow = 0
		}
		passed := deadline.Passed()
		switch {
		case inARow == confirmations, passed && temporary.final != nil:
			return temporary.final
		case passed:
			return fmt.Errorf("given up after %d attempts: %w", failures, temporary.err)
		}
		s.warnOnce(temporary.Error() + "; the request is repeated")
		if err := retry.Sleep(ctx, s.wait(temporary, failures)); err != nil {
			return err
		}
	}
}

// confirmations is how many times in a row a poll has to fail with status 500 until the
// export is regarded as failed: some servers answer so when only the poll failed.
const confirmations = 3

// wait returns the wait after a number of failures in a row.
func (s *Server) wait(temporary *temporaryError, failures int) time.Duration {
	switch {
	case temporary.asked && temporary.inFull:
		return retry.Later(max(temporary.after, minWait), jitter)
	case temporary.asked:
		return s.asked(temporary.after)
	}
	return s.backoff().Next(failures)
}

// place returns a URL for messages: without user and query.
func place(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
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
