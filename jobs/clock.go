package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// clockSamples is the number of queries of one measurement; the one that is
	// answered fastest counts.
	clockSamples = 3

	// measureEvery is how often the clocks are compared.
	measureEvery = time.Minute

	// warnEvery is how often a difference is logged.
	warnEvery = time.Hour

	// maxOffset is the largest difference that is not logged.
	maxOffset = time.Second
)

const clockSQL = `SELECT clock_timestamp()`

// Clock tells the time of the state database. Jobs are scheduled by that time,
// because processes whose clocks differ share them. It implements
// rivertype.TimeGenerator, and is safe for concurrent use.
type Clock struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	local time.Time // when the clocks were last compared
	state time.Time // the database's time at that moment
}

// NewClock returns a Clock that shows the process's own time until Measure has
// succeeded once.
func NewClock(pool *pgxpool.Pool) *Clock {
	now := time.Now()
	return &Clock{pool: pool, local: now, state: now.Round(0)}
}

// Now returns the database's time: what it was at the last measurement, plus the
// time elapsed since, which does not depend on the process's wall clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Add(time.Since(c.local))
}

// NowOrNil returns nil: where River can, it is to use the database's now().
func (c *Clock) NowOrNil() *time.Time { return nil }

// Offset returns how far the database's clock is ahead of the process's.
func (c *Clock) Offset() time.Duration { return c.Now().Sub(time.Now().Round(0)) }

// Measure compares the clocks.
func (c *Clock) Measure(ctx context.Context) error {
	fastest := time.Duration(-1)
	var local, state time.Time
	for range clockSamples {
		asked := time.Now()
		var answer time.Time
		if err := c.pool.QueryRow(ctx, clockSQL).Scan(&answer); err != nil {
			return fmt.Errorf("jobs: measure clock: %w", err)
		}
		if took := time.Since(asked); fastest < 0 || took < fastest {
			fastest, local, state = took, asked.Add(took/2), answer
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.local, c.state = local, state
	return nil
}

// Watch measures every minute until ctx ends. It logs a difference of more than
// a second when it first finds one, and then hourly.
func (c *Clock) Watch(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	var warned time.Time
	for {
		switch err := c.Measure(ctx); {
		case err != nil && ctx.Err() == nil:
			logger.WarnContext(ctx, "could not compare clocks", "error", err)
		case err == nil && c.Offset().Abs() > maxOffset && (warned.IsZero() || time.Since(warned) >= warnEvery):
			warned = time.Now()
			logger.WarnContext(ctx, "the clock of the process differs from that of the state database",
				"database_ahead", c.Offset().Round(time.Millisecond).String())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
