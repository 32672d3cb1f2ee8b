package sql

import (
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

const (
	// maxHeld is the number of bytes after which a response begins.
	maxHeld = 64 << 10

	// maxHeldTime is the time after the start of the scan after which a response begins.
	maxHeldTime = time.Second
)

// heldBody holds back the beginning of a response: a resource among the first that a
// view cannot be evaluated on then has an OperationOutcome, and does not only cut the
// connection. A response begins with its header if there is no row in time, so that
// neither the client nor a proxy gives up on a scan that finds few.
type heldBody struct {
	stream *endpoint.Stream

	mu      sync.Mutex
	held    []byte
	begun   bool
	err     error       // of the beginning
	timer   *time.Timer // begins the response
	stopped bool        // the timer no longer does
}

// holdBack returns a body that holds back the beginning of the response from now on. It
// must be stopped.
func holdBack(stream *endpoint.Stream) *heldBody {
	b := &heldBody{stream: stream}
	b.timer = time.AfterFunc(maxHeldTime, b.expire)
	return b
}

// Write implements io.Writer.
func (b *heldBody) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun && len(b.held)+len(p) <= maxHeld {
		b.held = append(b.held, p...)
		return len(p), nil
	}
	if err := b.begin(); err != nil {
		return 0, err
	}
	return b.stream.Write(p)
}

// FlushError sends what was written, unless it is held back.
func (b *heldBody) FlushError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		return nil
	}
	return b.stream.FlushError()
}

// expire begins the response when it was held back long enough.
func (b *heldBody) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun && !b.stopped && b.begin() == nil {
		b.err = b.stream.FlushError()
	}
}

// release begins the response.
func (b *heldBody) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.begin()
}

// begin begins the response with what was held back, unless it has begun.
func (b *heldBody) begin() error {
	if b.begun {
		return b.err
	}
	b.begun = true
	if b.err = b.stream.Begin(); b.err == nil && len(b.held) > 0 {
		_, b.err = b.stream.Write(b.held)
	}
	b.held = nil
	return b.err
}

// stop makes the response begin no more by itself: the caller is about to release it, or
// to change its audit event.
func (b *heldBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	b.timer.Stop()
}
