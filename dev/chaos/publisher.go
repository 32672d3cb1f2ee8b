package chaos

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// A worker makes an object visible in the middle of a transaction, whose locks
// others wait for. $1 is a pattern for the name of its session, $2 for how long
// it has been at it.
const publishingSQL = `
SELECT application_name FROM pg_stat_activity
WHERE application_name LIKE $1 AND state = 'idle in transaction' AND clock_timestamp() > state_change + $2 LIMIT 1`

// pausePublisher pauses a worker that was caught while it publishes.
func pausePublisher(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	var worker *service
	err := until(ctx, readyPatience, "a worker that publishes", func(ctx context.Context) (caught bool, err error) {
		worker, caught, err = e.field.catchPublisher(ctx)
		return caught, err
	})
	if err != nil {
		return err
	}
	return e.pause(ctx, worker)
}

// catchPublisher stops a worker that publishes, unless it is faster.
func (f *field) catchPublisher(ctx context.Context) (worker *service, caught bool, err error) {
	name, err := f.publisher(ctx, statePrefix+"worker%", 0)
	if err != nil {
		return nil, false, err
	}
	if worker, err = f.worker(strings.TrimPrefix(name, statePrefix)); err != nil {
		return nil, false, err
	}
	worker.child.Signal(syscall.SIGSTOP)
	// The session of one that was caught stays as it is.
	const still = 4 * pollPause
	err = until(ctx, 2*still, "the session of a stopped worker", func(ctx context.Context) (bool, error) {
		_, err := f.publisher(ctx, name, still)
		return err == nil, err
	})
	if err != nil {
		worker.child.Signal(syscall.SIGCONT)
	}
	return worker, err == nil, nil
}

func (f *field) publisher(ctx context.Context, pattern string, since time.Duration) (name string, err error) {
	if err := f.db.QueryRow(ctx, publishingSQL, pattern, since).Scan(&name); err != nil {
		return "", fmt.Errorf("look for a worker that publishes: %w", err)
	}
	return name, nil
}
