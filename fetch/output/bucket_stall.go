package output

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// stallTimeout is how long the body of a response of a store may deliver nothing.
const stallTimeout = time.Minute

// errStalled is the error of a body that delivers nothing.
var errStalled = errors.New("the response of the store has stalled")

// stallGuard is a transport that ends responses whose body delivers nothing for a while.
// The time of the reader does not count.
type stallGuard struct {
	http.RoundTripper
	timeout time.Duration
}

// RoundTrip implements http.RoundTripper.
func (g stallGuard) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	response, err := g.RoundTripper.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	timer := time.AfterFunc(g.timeout, func() { cancel(errStalled) })
	timer.Stop()
	response.Body = &watchedBody{ReadCloser: response.Body, ctx: ctx, cancel: cancel, timer: timer, timeout: g.timeout}
	return response, nil
}

// watchedBody is the body of a response.
type watchedBody struct {
	io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

// Close ends the request.
func (b *watchedBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}
