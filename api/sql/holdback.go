package sql

import (
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

const (
	// maxHeld is the number of bytes after which a response begins.
	maxHeld = 64 << 10

	// maxHeldTime is the time after which a response begins with the first rows.
	maxHeldTime = time.Second
)

// heldBody holds back the beginning of a response: a resource among the first that a
// view cannot be evaluated on then has an OperationOutcome, and does not only cut the
// connection.
type heldBody struct {
	stream *endpoint.Stream
	since  time.Time
	held   []byte
	begun  bool
}

func holdBack(stream *endpoint.Stream) *heldBody { return &heldBody{stream: stream, since: time.Now()} }

// Write implements io.Writer.
func (b *heldBody) Write(p []byte) (int, error) {
	if !b.begun && len(b.held)+len(p) <= maxHeld {
		b.held = append(b.held, p...)
		return len(p), nil
	}
	if err := b.release(); err != nil {
		return 0, err
	}
	return b.stream.Write(p)
}

// FlushError sends what was written, unless it is still held back.
func (b *heldBody) FlushError() error {
	if !b.begun && time.Since(b.since) < maxHeldTime {
		return nil
	}
	if err := b.release(); err != nil {
		return err
	}
	return b.stream.FlushError()
}

// release begins the response with what was held back.
func (b *heldBody) release() error {
	if b.begun {
		return nil
	}
	b.begun = true
	if err := b.stream.Begin(); err != nil || len(b.held) == 0 {
		return err
	}
	_, err := b.stream.Write(b.held)
	b.held = nil
	return err
}
