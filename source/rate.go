package source

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// rateBurst is how much unused time all scans together may make up for.
	rateBurst = 100 * time.Millisecond

	// rateGrain is how much time's worth of bytes a scan takes from the limiter at
	// once: short enough to be smooth, long enough that small rows cost nothing.
	rateGrain = 20 * time.Millisecond
)

// limiter limits what all scans read together.
type limiter struct {
	*rate.Limiter

	waited atomic.Int64 // nanoseconds of all scans
}

// newRateLimiter returns a limiter of bytes per second, or nil for no limit. It
// slows the server down, too: the server cannot send what is not received.
func newRateLimiter(perSecond int64) *limiter {
	if perSecond <= 0 {
		return nil
	}
	burst := max(int(rateBurst.Seconds()*float64(perSecond)), 1)
	return &limiter{Limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// Throttled returns how long scans have waited because of Config.ReadRate, added over
// all scans.
func (s *Source) Throttled() time.Duration {
	if s.limiter == nil {
		return 0
	}
	return time.Duration(s.limiter.waited.Load())
}

// meter counts the bytes that a scan has read and not yet taken from the limiter.
type meter struct {
	limiter *limiter // nil: no limit
	bytes   int
}

// add counts the bytes of a row.
func (m *meter) add(bytes int) {
	if m.limiter != nil {
		m.bytes += bytes
	}
}

// isDue reports whether the scan has to wait before it reads on.
func (m *meter) isDue() bool {
	return m.limiter != nil && float64(m.bytes) > rateGrain.Seconds()*float64(m.limiter.Limit())
}

// wait waits until the bytes counted so far are within the limit.
func (m *meter) wait(ctx context.Context) error {
	if m.bytes == 0 {
		return nil
	}
	start := time.Now()
	defer func() { m.limiter.waited.Add(int64(time.Since(start))) }()
	for m.bytes > 0 {
		step := min(m.bytes, m.limiter.Burst())
		if err := m.limiter.WaitN(ctx, step); err != nil {
			return fmt.Errorf("source: wait for the read rate: %w", err)
		}
		m.bytes -= step
	}
	return nil
}
