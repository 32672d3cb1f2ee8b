package output

import (
	"io"
	"net/http"
	"sync"
)

// bodyGuard is a transport that does not read the body of a request after RoundTrip has
// returned. The one of net/http may, if a store responds early: while the next attempt
// reads the same body, or the buffer is filled with the next part.
type bodyGuard struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g bodyGuard) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return g.RoundTripper.RoundTrip(request)
	}
	body := &guardedBody{ReadCloser: request.Body}
	defer body.end()
	guarded := request.WithContext(request.Context()) // a copy: a transport must not change the request
	guarded.Body = body
	return g.RoundTripper.RoundTrip(guarded)
}

// guardedBody is a body that can be read until end is called.
type guardedBody struct {
	io.ReadCloser

	mu    sync.Mutex
	ended bool
}

// Read implements io.Reader.
func (b *guardedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, io.ErrUnexpectedEOF
	}
	return b.ReadCloser.Read(p)
}

// end waits for a running Read and makes later ones fail.
func (b *guardedBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}
