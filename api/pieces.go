package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/source"
)

// pieceSize is the size of buffers between a reader and the answer.
const pieceSize = 64 << 10

// pieces writes an answer piece by piece. Its start is audited before the first
// byte.
type pieces struct {
	api     *API
	context *gin.Context

	mu      sync.Mutex
	begun   bool
	aborted error // why the answer will not be completed, unless writing failed
	failed  error // the first error of the connection
}

// begin audits the start of the answer, once, and reports whether it did.
func (p *pieces) begin() (first bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aborted != nil {
		return false, p.aborted
	}
	if p.begun {
		return false, nil
	}
	p.begun = true
	p.api.auditStart(p.context)
	return true, nil
}

func (p *pieces) Write(b []byte) (n int, err error) {
	if _, err := p.begin(); err != nil {
		return 0, err
	}
	n, err = p.context.Writer.Write(b)
	return n, p.fail(err)
}

// fail keeps the first error of the connection and returns err.
func (p *pieces) fail(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil && p.aborted == nil {
		p.failed = err
	}
	return err
}

// abortWith ends the answer when ctx, that of the scan for it, ends because the scan
// has to give way: what is being written fails at once, however slowly the client
// reads. stop ends the watch.
func (p *pieces) abortWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		cause := context.Cause(ctx)
		if !errors.Is(cause, source.ErrInTheWay) || p.failed != nil {
			return
		}
		p.aborted = cause
		if p.begun {
			expireWrites(p.context)
		}
	})
}

// outcome returns the error of an answer whose writing has ended with err.
func (p *pieces) outcome(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case p.aborted != nil:
		return unavailable(p.aborted)
	case p.failed != nil:
		return broken(p.context.Request.Context(), p.failed)
	}
	return unavailable(err)
}

// pastDeadline is a deadline that has passed.
var pastDeadline = time.Unix(1, 0)

// expireWrites makes writes to the client fail from now on, one that is blocked
// too.
func expireWrites(c *gin.Context) {
	// A writer without deadlines, as tests have, never blocks.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(pastDeadline)
}

// broken returns, for the log, why an answer could not be sent to its end.
func broken(ctx context.Context, cause error) error {
	var revoked *revokedError
	switch {
	case errors.As(context.Cause(ctx), &revoked):
		return revoked
	case errors.Is(cause, errStalled):
		return cause
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Errorf("writing to the client timed out: %w", cause)
	case ctx.Err() != nil:
		return fmt.Errorf("the client went away, or the server cut it off when it stopped: %w", cause)
	}
	return fmt.Errorf("the client can't be written to: %w", cause)
}
