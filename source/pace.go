package source

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// paceGrain is how much time's worth of bytes a scan takes at once: short
	// enough to be smooth, long enough that tiny rows cost no sleep each.
	paceGrain = 20 * time.Millisecond

	// paceSlack is how much unused time may be made up for, since a sleep is
	// always a little too long.
	paceSlack = 100 * time.Millisecond
)

// pace keeps all scans of a Source together below a rate. The server is slowed
// with them: it can't send what nobody takes. A nil pace is no limit.
type pace struct {
	perSecond int64

	mu   sync.Mutex
	next time.Time // when the bytes taken so far are paid for
}

func newPace(perSecond int64) *pace {
	if perSecond <= 0 {
		return nil
	}
	return &pace{perSecond: perSecond}
}

// take waits until these bytes may have been read, or returns the error of
// ctx.
func (p *pace) take(ctx context.Context, bytes int64) error {
	timer := time.NewTimer(time.Until(p.book(bytes)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("source: keep the read rate: %w", ctx.Err())
	}
}

// book adds the bytes to those taken and returns when they are paid for.
func (p *pace) book(bytes int64) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()

	if earliest := time.Now().Add(-paceSlack); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(bytes) / float64(p.perSecond) * float64(time.Second)))
	return p.next
}

// meter counts the bytes that one scan has read and not yet taken from the pace.
type meter struct {
	pace  *pace
	bytes int64
}

// add waits when enough has come together.
func (m *meter) add(ctx context.Context, bytes int) error {
	if m.pace == nil {
		return nil
	}
	m.bytes += int64(bytes)
	if m.bytes <= int64(paceGrain.Seconds()*float64(m.pace.perSecond)) {
		return nil
	}
	return m.settle(ctx)
}

// settle takes what has been counted.
func (m *meter) settle(ctx context.Context) error {
	if m.bytes == 0 {
		return nil
	}
	taken := m.bytes
	m.bytes = 0
	return m.pace.take(ctx, taken)
}
