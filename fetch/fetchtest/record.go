package fetchtest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is a request that a client sent, and what it got.
type Request struct {
	// Step is what the request was for.
	Step Step
	// Number is the position of the request among all requests, from 1.
	Number int
	// N is the position of the request among the requests of its step, from 1.
	N int
	// NOfFile is its position among the requests of its step and file, from 1.
	NOfFile int
	// Server is the scheme and host it was sent to.
	Server string
	Method string
	Path   string
	// File is the name of the file if the step is Download or Redirect.
	File   string
	Query  url.Values
	Header http.Header
	Body   string
	// Time is when it arrived, End when the response ended.
	Time, End time.Time
	// Status is the status of the response, Bytes how many bytes of the body were sent.
	// They and End are zero while the request runs.
	Status int
	Bytes  int64
}

// Requests returns the requests so far, in the order of their arrival. With
// targets, it returns only requests of the targets.
func (s *Server) Requests(targets ...Target) (all []Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if len(targets) == 0 || slices.ContainsFunc(targets, func(target Target) bool { return target.matches(r) }) {
			all = append(all, r)
		}
	}
	return all
}

// serve records the requests of a target, applies the faults, and calls handler.
func (s *Server) serve(target Target, handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		index, record := s.record(target.step, r)
		counted := &countingWriter{ResponseWriter: w}
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			finished := &s.requests[index]
			finished.Status, finished.Bytes, finished.End = counted.status, counted.bytes, time.Now()
		}()
		s.withFaults(record, handler).ServeHTTP(counted, r.WithContext(context.WithValue(r.Context(), recordKey{}, record)))
	})
}

// recordKey is the key of the record of a request in its context.
type recordKey struct{}

// record stores a request and returns its index.
func (s *Server) record(step Step, r *http.Request) (int, Request) {
	body, _ := io.ReadAll(r.Body) // a client that cuts its own request has sent less
	r.Body = io.NopCloser(bytes.NewReader(body))
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	file := r.PathValue("file")
	if _, section, _ := strings.Cut(r.PathValue("folder"), "."); section == "deleted" || section == "error" {
		file = section + "/" + file
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[string(step)]++
	s.counts[string(step)+" "+file]++
	s.requests = append(s.requests, Request{
		Step: step, Number: len(s.requests) + 1, N: s.counts[string(step)], NOfFile: s.counts[string(step)+" "+file],
		Server: scheme + r.Host, Method: r.Method, Path: r.URL.Path, File: file,
		Query: r.URL.Query(), Header: r.Header.Clone(), Body: string(body), Time: time.Now(),
	})
	return len(s.requests) - 1, s.requests[len(s.requests)-1]
}

// countingWriter keeps the status and the number of bytes of a response.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countingWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
