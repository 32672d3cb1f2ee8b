// Package schedule decides how many downloads run at the same time, and which file is next.
// It must not know what a file is.
package schedule

import (
	"context"
	"sync"
	"time"
)

// minCutInterval is the shortest time between two reductions: requests that were in
// flight together are rejected together, and count once.
const minCutInterval = time.Second

// Limiter limits concurrent downloads. The limit is halved when servers reject or delay
// requests, and grows by one with each success.
type Limiter struct {
	maximum int

	mu      sync.Mutex
	limit   int
	running int
	cut     time.Time     // of the last reduction
	freed   chan struct{} // closed when a place may be free
}

// NewLimiter returns a limiter whose limit is never above a maximum.
func NewLimiter(maximum int) *Limiter {
	return &Limiter{maximum: maximum, limit: maximum, freed: make(chan struct{})}
}

// Acquire waits until a download may begin.
func (l *Limiter) Acquire(ctx context.Context) error {
	for {
		l.mu.Lock()
		if l.running < l.limit {
			l.running++
			l.mu.Unlock()
			return nil
		}
		freed := l.freed
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-freed:
		}
	}
}

// Release ends a download.
func (l *Limiter) Release(success bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	if success {
		l.limit = min(l.limit+1, l.maximum)
	}
	close(l.freed)
	l.freed = make(chan struct{})
}

// Congested halves the limit.
func (l *Limiter) Congested() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.cut) >= minCutInterval {
		l.cut = now
		l.limit = max(1, l.limit/2)
	}
}
