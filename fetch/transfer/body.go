package transfer

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// body is the body of a response: it cuts stalled connections, limits the rate, and reports
// progress.
type body struct {
	ctx   context.Context
	r     io.Reader
	watch *watch
	limit *rate.Limiter
	run   *run
	first []byte // that were read before, and come again
	ended bool   // the response has ended as it should
}

// minFill is how many bytes a block has at least, unless the response ends.
const minFill = 64 << 10

// fill fills a block for the most part. Its bytes count as received.
func (b *body) fill(block []byte) (n int, err error) {
	n = copy(block, b.first)
	b.first = b.first[n:]
	b.run.received(n)
	for n < minFill && err == nil {
		var more int
		more, err = b.Read(block[n:])
		n += more
		b.run.received(more)
	}
	return n, err
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.watch.start()
	n, err := b.r.Read(p)
	b.watch.stop()
	b.ended = err == io.EOF
	if waitErr := b.wait(n); waitErr != nil {
		return n, waitErr
	}
	return n, err
}

// wait waits until the rate permits n bytes.
func (b *body) wait(n int) error {
	if b.limit == nil {
		return nil
	}
	for burst := max(b.limit.Burst(), 1); n > 0; n -= burst {
		if err := b.limit.WaitN(b.ctx, min(n, burst)); err != nil {
			return err
		}
	}
	return nil
}
