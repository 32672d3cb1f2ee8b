package connpool

import (
	"context"
	"sync/atomic"
	"time"
)

// Stats are the statistics of a Pool.
type Stats struct {
	// Acquired, Idle and Constructing are the current connections, Limit the maximum in
	// use.
	Acquired, Idle, Constructing, Limit int

	// Acquires counts the connections that were acquired, Waits those that had to be
	// waited for, and Waited is the time that took.
	Acquires, Waits int64
	Waited          time.Duration
}

// Stats returns the current statistics.
func (p *Pool) Stats() Stats {
	stat := p.pool.Stat()
	return Stats{
		Acquired:     int(stat.AcquiredConns()),
		Idle:         int(stat.IdleConns()),
		Constructing: int(stat.ConstructingConns()),
		Limit:        cap(p.slots),
		Acquires:     stat.AcquireCount(),
		Waits:        p.waits.count.Load() + stat.EmptyAcquireCount(),
		Waited:       time.Duration(p.waits.nanoseconds.Load()) + stat.EmptyAcquireWaitTime(),
	}
}

// waits counts the waits for a slot.
type waits struct{ count, nanoseconds atomic.Int64 }

// take takes a slot, or waits for one and counts that.
func (w *waits) take(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	default:
	}
	start := time.Now()
	defer func() {
		w.count.Add(1)
		w.nanoseconds.Add(int64(time.Since(start)))
	}()
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
