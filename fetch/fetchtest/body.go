package fetchtest

import (
	"net/http"
	"strings"
)

// CutAfter closes the connection after n bytes of the body, of which Content-Length says
// that there are more.
func CutAfter(n int) Effect {
	return wrap(func(s *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &endingWriter{ResponseWriter: w, rest: n, end: cut}
	})
}

// CutChunkedAfter closes the connection after n bytes of the body, which is chunked.
func CutChunkedAfter(n int) Effect {
	return wrap(func(s *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &endingWriter{ResponseWriter: chunked(w), rest: n, end: cut}
	})
}

// TruncateAfter ends the response after n bytes as if it were complete.
func TruncateAfter(n int) Effect {
	return wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &truncatingWriter{ResponseWriter: chunked(w), rest: n}
	})
}

// StallAfter sends n bytes of the body, then nothing more, until the client goes away.
func StallAfter(n int) Effect {
	return wrap(func(s *Server, w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		return &endingWriter{ResponseWriter: w, rest: n, end: func() { s.stall(r) }}
	})
}

// Stall sends no response until the client goes away.
func Stall() Effect {
	return func(s *Server, _ http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s.stall(r) })
	}
}

// DoAfter calls a function after n bytes of the body were sent, then sends the rest.
func DoAfter(n int, f func()) Effect {
	return wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &endingWriter{ResponseWriter: w, rest: n, end: f}
	})
}

// Chunked sends no Content-Length.
func Chunked() Effect {
	return wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return chunked(w) })
}

// CorruptAt changes the byte of the body at an offset.
func CorruptAt(offset int) Effect {
	return wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &corruptingWriter{ResponseWriter: w, rest: offset}
	})
}

// NoRanges ignores Range and sends no Accept-Ranges.
func NoRanges() Effect {
	return func(s *Server, next http.Handler) http.Handler {
		without := wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
			return &headerWriter{ResponseWriter: w, change: func(_ int, h http.Header) { h.Del("Accept-Ranges") }}
		})(s, next)
		return RangesIgnored()(s, without)
	}
}

// RangesIgnored ignores Range although Accept-Ranges promises it.
func RangesIgnored() Effect {
	return func(_ *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Header.Del("Range")
			next.ServeHTTP(w, r)
		})
	}
}

// IfRangeIgnored sends the range of a file although it has changed since.
func IfRangeIgnored() Effect {
	return func(_ *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Header.Del("If-Range")
			next.ServeHTTP(w, r)
		})
	}
}

// WrongContentRange sends a Content-Range that differs from the range of the body.
func WrongContentRange() Effect {
	return wrap(func(_ *Server, w http.ResponseWriter, _ *http.Request) http.ResponseWriter {
		return &headerWriter{ResponseWriter: w, change: func(status int, h http.Header) {
			if status == http.StatusPartialContent {
				_, rest, _ := strings.Cut(h.Get("Content-Range"), "-")
				h.Set("Content-Range", "bytes 1-"+rest)
			}
		}}
	})
}

// wrap returns the effect that replaces the writer.
func wrap(writer func(*Server, http.ResponseWriter, *http.Request) http.ResponseWriter) Effect {
	return func(s *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(writer(s, w, r), r) })
	}
}

// stall waits until the client goes away or the server closes.
func (s *Server) stall(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closing:
	}
	cut()
}

// cut closes the connection.
func cut() { panic(http.ErrAbortHandler) }

// endingWriter calls end once, after a number of bytes, which have reached the client.
type endingWriter struct {
	http.ResponseWriter
	rest  int
	end   func()
	ended bool
}

func (w *endingWriter) Write(p []byte) (written int, err error) {
	if !w.ended && len(p) >= w.rest {
		w.ended = true
		written, err = w.ResponseWriter.Write(p[:w.rest])
		if err == nil {
			err = http.NewResponseController(w.ResponseWriter).Flush()
		}
		if err != nil {
			return written, err
		}
		w.end()
		p = p[written:]
	}
	n, err := w.ResponseWriter.Write(p)
	w.rest -= n
	return written + n, err
}

// Unwrap is for http.ResponseController.
func (w *endingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// truncatingWriter discards what follows a number of bytes.
type truncatingWriter struct {
	http.ResponseWriter
	rest int
}

func (w *truncatingWriter) Write(p []byte) (int, error) {
	if len(p) <= w.rest {
		w.rest -= len(p)
		return w.ResponseWriter.Write(p)
	}
	if _, err := w.ResponseWriter.Write(p[:w.rest]); err != nil {
		return 0, err
	}
	w.rest = 0
	return len(p), nil
}

// Unwrap is for http.ResponseController.
func (w *truncatingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// corruptingWriter changes one byte.
type corruptingWriter struct {
	http.ResponseWriter
	rest int
}

func (w *corruptingWriter) Write(p []byte) (int, error) {
	if w.rest >= 0 && w.rest < len(p) {
		changed := append([]byte(nil), p...)
		changed[w.rest] ^= 1
		p = changed
	}
	w.rest -= len(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *corruptingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headerWriter changes the headers just before they are sent.
type headerWriter struct {
	http.ResponseWriter
	change func(status int, h http.Header)
}

func (w *headerWriter) WriteHeader(status int) {
	w.change(status, w.Header())
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// chunked leaves out Content-Length.
func chunked(w http.ResponseWriter) http.ResponseWriter {
	return &headerWriter{ResponseWriter: w, change: func(_ int, h http.Header) { h.Del("Content-Length") }}
}
