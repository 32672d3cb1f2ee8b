package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gin-gonic/gin"
)

// pieces writes an answer piece by piece. The client must take each within the
// stall timeout.
type pieces struct {
	api     *API
	context *gin.Context
	failed  error // the first of the connection
}

// pieceSize is what a client must take within the stall timeout.
const pieceSize = 256 << 10

func (p *pieces) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		p.api.renewDeadline(p.context)
		written, err := p.context.Writer.Write(b[:min(len(b), pieceSize)])
		n += written
		if err != nil {
			return n, p.fail(err)
		}
		b = b[written:]
	}
	return n, nil
}

func (p *pieces) fail(err error) error {
	p.failed = cmp.Or(p.failed, err)
	return err
}

// broken says, for the log alone, why an answer could not be sent to its end.
func broken(ctx context.Context, cause error) error {
	switch {
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Errorf("the client stopped reading: %w", cause)
	case ctx.Err() != nil:
		return fmt.Errorf("the client went away, or the server cut it off when it stopped: %w", cause)
	}
	return fmt.Errorf("the client can't be written to: %w", cause)
}
