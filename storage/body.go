package storage

import (
	"io"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// bodyGuard is a transport that does not read a request's body after RoundTrip has
// returned. The transport of net/http may, if a store responds before it has read the
// body: concurrently with the next attempt, which reads the same body, and while the
// buffer is filled with the next part.
type bodyGuard struct {
	http.RoundTripper

	sent prometheus.Counter // counts the bytes that were read
}

// RoundTrip implements http.RoundTripper.
func (g bodyGuard) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return g.RoundTripper.RoundTrip(request)
	}
	body := &guardedBody{ReadCloser: request.Body, endErr: io.EOF, sent: g.sent}
	if request.ContentLength < 0 { // an EOF would make a truncated body look complete
		body.endErr = io.ErrUnexpectedEOF
	}
	defer body.end()
	guarded := request.WithContext(request.Context()) // a copy: a transport must not change the request
	guarded.Body = body
	return g.RoundTripper.RoundTrip(guarded)
}

// guardedBody is a body that can be read until end is called.
type guardedBody struct {
	io.ReadCloser

	endErr error // returned by later reads
	sent   prometheus.Counter

	mu    sync.Mutex
	ended bool
}

// Read implements io.Reader.
func (b *guardedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, b.endErr
	}
	n, err := b.ReadCloser.Read(p)
	b.sent.Add(float64(n))
	return n, err
}

// end waits for a running Read and makes later ones fail.
func (b *guardedBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}
