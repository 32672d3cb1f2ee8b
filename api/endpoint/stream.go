package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/api/stall"
	"github.com/seed-90096f4d/sluice/source"
)

// BufferSize is the size of buffers between a reader and a response.
const BufferSize = 64 << 10

// RevokedError is the cause with which the context of a request ends when its
// client has lost the permission to make it.
type RevokedError struct{ Reason string }

func (e *RevokedError) Error() string { return e.Reason }

// Stream writes the body of a response while it is produced. The start of the
// response is recorded before its first byte, and the header is sent with it, so
// that an earlier failure can still have a status of its own.
type Stream struct {
	call    *Call
	header  http.Header // added when the response begins
	chunked bool

	mu      sync.Mutex
	begunAt time.Time // zero until it has begun
	aborted error     // why the response will not be completed, unless writing failed
	failed  error     // the first error of the connection
}

// NewStream returns the body of a response whose header is already set.
func NewStream(call *Call) *Stream { return &Stream{call: call} }

// NewChunkedStream returns the body of a response of status 200 that has the
// header and no Content-Length, however short it is.
func NewChunkedStream(call *Call, header http.Header) *Stream {
	return &Stream{call: call, header: header, chunked: true}
}

// Begin begins the response, unless it has begun.
func (s *Stream) Begin() error {
	first, err := s.begin()
	if !first || !s.chunked {
		return err
	}
	writer := s.call.Writer
	for name, values := range s.header {
		writer.Header()[name] = values
	}
	writer.WriteHeader(http.StatusOK)
	writer.WriteHeaderNow()
	writer.Flush() // or net/http would add the length of a short body
	return nil
}

// begin records the start of the response once, and reports whether it did.
func (s *Stream) begin() (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted != nil {
		return false, s.aborted
	}
	if !s.begunAt.IsZero() {
		return false, nil
	}
	s.begunAt = time.Now()
	s.call.RecordStart()
	return true, nil
}

// start returns when the response began; zero means not yet.
func (s *Stream) start() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begunAt
}

// Write implements io.Writer.
func (s *Stream) Write(b []byte) (n int, err error) {
	if err := s.Begin(); err != nil {
		return 0, err
	}
	n, err = s.call.Writer.Write(b)
	return n, s.fail(err)
}

// FlushError sends what was written.
func (s *Stream) FlushError() error {
	return s.fail(http.NewResponseController(s.call.Writer).Flush())
}

// fail keeps the first error of the connection and returns err.
func (s *Stream) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil && s.aborted == nil {
		s.failed = err
	}
	return err
}

// AbortWith ends the response when ctx, the context of the scan for it, ends because
// another session waits for a lock of the scan: a pending write fails at once, however
// slowly the client reads. The caller must call stop, after which the response is not
// touched any more, before its handler returns.
func (s *Stream) AbortWith(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		s.mu.Lock()
		defer s.mu.Unlock()
		cause := context.Cause(ctx)
		if !errors.Is(cause, source.ErrInTheWay) || s.failed != nil {
			return
		}
		s.aborted = cause
		if !s.begunAt.IsZero() {
			ExpireWrites(s.call.Writer)
		}
	})
	return func() {
		if !cancel() {
			<-done // gin reuses the writer for other requests
		}
	}
}

// Result returns the error of a response whose production has ended with err.
func (s *Stream) Result(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case s.aborted != nil:
		return problem.Unavailable(s.aborted)
	case s.failed != nil:
		return writeError(s.call.Ctx(), s.failed)
	}
	return problem.Unavailable(err)
}

// pastDeadline is a deadline that has passed.
var pastDeadline = time.Unix(1, 0)

// ExpireWrites makes pending and future writes to the client fail.
func ExpireWrites(w gin.ResponseWriter) {
	// A writer without deadlines, as in tests, never blocks.
	_ = http.NewResponseController(w).SetWriteDeadline(pastDeadline)
}

// writeError returns, for the log, why a response could not be written to its end.
func writeError(ctx context.Context, cause error) error {
	var revoked *RevokedError
	switch {
	case errors.As(context.Cause(ctx), &revoked):
		return revoked
	case errors.Is(cause, stall.ErrStalled):
		return cause
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Errorf("write to the client timed out: %w", cause)
	case ctx.Err() != nil:
		return fmt.Errorf("the client disconnected, or the server closed the connection while stopping: %w", cause)
	}
	return fmt.Errorf("write to the client: %w", cause)
}
