// Package stateclock estimates the time of the state database. Jobs are scheduled by that
// time because the processes that share them may have different clocks.
package stateclock

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// samples is the number of queries of one measurement; the fastest counts.
	samples = 3

	// measureInterval is the time between measurements.
	measureInterval = time.Minute

	// warnInterval is the minimum time between warnings.
	warnInterval = time.Hour

	// maxOffset is the largest offset that is not logged.
	maxOffset = time.Second
)

const nowSQL = `SELECT clock_timestamp()`

// Clock shows the time of the state database. It implements rivertype.TimeGenerator
// and is safe for concurrent use.
type Clock struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	local time.Time // when the clocks were last compared
	state time.Time // the database's time at that moment
}

// New returns a Clock that shows the process's own time until Measure has
// succeeded once.
func New(pool *pgxpool.Pool) *Clock {
	now := time.Now()
	return &Clock{pool: pool, local: now, state: now.Round(0)}
}

// Now returns the database's time at the last measurement plus the time elapsed
// since, which does not depend on the process's wall clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Add(time.Since(c.local))
}

// NowOrNil returns nil, so that River uses the database's now() where it can.
func (c *Clock) NowOrNil() *time.Time { return nil }

// Offset returns how far the database's clock is ahead of the process's.
func (c *Clock) Offset() time.Duration { return c.Now().Sub(time.Now().Round(0)) }

// Measure compares the clocks.
func (c *Clock) Measure(ctx context.Context) error {
	fastest := time.Duration(-1)
	var local, state time.Time
	for range samples {
		sent := time.Now()
		var now time.Time
		if err := c.pool.QueryRow(ctx, nowSQL).Scan(&now); err != nil {
			return fmt.Errorf("stateclock: %w", err)
		}
		if elapsed := time.Since(sent); fastest < 0 || elapsed < fastest {
			fastest, local, state = elapsed, sent.Add(elapsed/2), now
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.local, c.state = local, state
	return nil
}

// Watch measures every minute until ctx ends. It logs an offset of more than a
// second when it first finds one, and then hourly.
func (c *Clock) Watch(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(measureInterval)
	defer ticker.Stop()
	var warned time.Time
	for {
		switch err := c.Measure(ctx); {
		case err != nil && ctx.Err() == nil:
			logger.WarnContext(ctx, "could not read the clock of the state database", "error", err)
		case err == nil && c.Offset().Abs() > maxOffset && (warned.IsZero() || time.Since(warned) >= warnInterval):
			warned = time.Now()
			logger.WarnContext(ctx, "clock differs from that of the state database",
				"database_ahead", c.Offset().Round(time.Millisecond).String())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
