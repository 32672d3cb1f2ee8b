package storage

import (
	"io"
	"net/http"
	"sync"
)

// leasing is a transport that lets go of a request's body when RoundTrip returns.
// That of net/http may go on to read it, where a store answers before it has read
// all: beside the next attempt, which reads the same body, and while its buffer
// is filled with another part.
type leasing struct{ http.RoundTripper }

// RoundTrip is that of http.RoundTripper.
func (l leasing) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return l.RoundTripper.RoundTrip(request)
	}
	body := &lease{ReadCloser: request.Body, over: io.EOF}
	if request.ContentLength < 0 { // there an end would make a torn body look whole
		body.over = io.ErrUnexpectedEOF
	}
	defer body.end()
	leased := request.WithContext(request.Context()) // a copy: requests are not to be changed
	leased.Body = body
	return l.RoundTripper.RoundTrip(leased)
}

// lease is a body that can be read until it ends.
type lease struct {
	io.ReadCloser

	over error // what a read returns then

	mu    sync.Mutex
	ended bool
}

// Read is that of io.Reader.
func (l *lease) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, l.over
	}
	return l.ReadCloser.Read(p)
}

// end waits for a read that runs, and lets no other begin.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
