package fetchtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Encoding is how files are sent.
type Encoding int

// The encodings.
const (
	Identity   Encoding = iota // as ndjson
	Negotiated                 // with Content-Encoding: gzip if the client accepts it
	GzipFile                   // as gzip files without Content-Encoding
	GzipAlways                 // with Content-Encoding: gzip, accepted or not
)

// stored returns the bytes that are sent to a client that accepts gzip.
func (e Encoding) stored(plain []byte) []byte {
	if e == Identity {
		return plain
	}
	return compress(plain)
}

func compress(plain []byte) []byte {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Close()
	return compressed.Bytes()
}

// Sent returns the bytes that clients which accept gzip receive of a file.
func (s *Server) Sent(f File) []byte { return s.options.Encoding.stored(f.NDJSON()) }

// content sends a file: the standard library answers ranges and conditions. Headers that
// an effect has set before stay.
func (s *Server) content(w http.ResponseWriter, r *http.Request) {
	e := s.lookUp(r)
	if e == nil {
		Outcome(w, http.StatusNotFound, "there is no such export")
		return
	}
	f, found := e.find(r.PathValue("folder"), r.PathValue("file"))
	if !found {
		Outcome(w, http.StatusNotFound, "there is no such file")
		return
	}
	if s.rejectExpired(w, r) {
		return
	}
	body := f.NDJSON()
	if r.Context().Value(rewritten{}) != nil {
		body = reverseLines(body)
	}
	encoded := s.options.Encoding == GzipAlways ||
		s.options.Encoding == Negotiated && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	h := w.Header()
	setDefault(h, "Content-Type", "application/fhir+ndjson")
	switch {
	case encoded:
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		body = compress(body)
	case s.options.Encoding == GzipFile:
		h.Set("Content-Type", "application/gzip")
		body = compress(body)
	}
	setDefault(h, "ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(body)))
	if encoded && r.Header.Get("Range") == "" {
		h.Set("Content-Length", strconv.Itoa(len(body))) // which ServeContent leaves out with an encoding
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}

// rewritten is the key of a request that is answered with a rewritten file.
type rewritten struct{}

// Rewritten sends the file with its lines in reverse order, and the ETag of that: a client
// that joins parts of both has lost resources.
func Rewritten() Effect {
	return func(_ *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), rewritten{}, true)))
		})
	}
}

func reverseLines(plain []byte) []byte {
	lines := bytes.SplitAfter(plain, []byte("\n"))
	slices.Reverse(lines)
	return bytes.Join(lines, nil)
}

// modified is when all files were written.
var modified = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// setDefault sets a header unless an effect has set it, perhaps to nothing.
func setDefault(h http.Header, key, value string) {
	if _, exists := h[http.CanonicalHeaderKey(key)]; !exists {
		h.Set(key, value)
	}
}
