package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// storeOutage is how long the object store is away.
	storeOutage = 20 * time.Second
	// longOutage is how long something is away that may be for long: a failover
	// takes 30 to 120 s.
	longOutage = 120 * time.Second
	// storeTrouble is how long it refuses, or is slow.
	storeTrouble = 10 * time.Second
	// takeover is how long it may take at most until a dead worker's work is
	// given to others (30 s, as the README says), and to see it.
	takeover = 35 * time.Second
)

// fault is something that goes wrong in the middle of an export. strike
// returns when it is over; what is still gone then is started again after the
// export's end.
type fault struct {
	name string
	// short puts it into the short form.
	short  bool
	strike func(context.Context, *export) error
}

var faults = []fault{
	{"none", true, func(context.Context, *export) error { return nil }},
	{"kill -9 of the worker that holds the snapshot", false, killHolder},
	{"kill -9 of a worker that reads a part", false, killReader},
	{"kill -9 of all workers, and a later start", true, killAll},
	{"pg_terminate_backend on the holder", false, terminateHolder},
	{"PostgreSQL stopped at once and started again", true, crashPostgres},
	{"S3 stopped for 20 s", false, stopStore},
	{"S3 answers 503 for 10 s", false, storeWeather(refuse)},
	{"S3 slow for 10 s", false, storeWeather(slow)},
	{"S3 loses, replaces and truncates objects", true, damageObjects},
	{"source away for 120 s: PostgreSQL is stopped", false, stopPostgres},
	{"source away for 120 s: it has no connections left", false, refuseConnections},
	{"object store away for 120 s", false, stopStoreForLong},
	{"a broken worker beside healthy ones", false, addBrokenWorker},
	{"SIGTERM of each worker in turn", true, rollingRestart},
	{"SIGSTOP of the holder beyond its lease", false, pauseHolder},
	{"SIGSTOP of a reader beyond its lease", false, pauseReader},
	{"SIGSTOP of a worker that publishes", false, pausePublisher},
}

// middle waits for a moment in the middle, another each time.
func middle(ctx context.Context, e *export) error {
	return e.untilShare(ctx, 0.1+0.5*rand.Float64())
}

func killHolder(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	_, worker, err := e.holder(ctx)
	if err == nil {
		worker.kill()
	}
	return err
}

func killReader(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	worker, err := e.reader(ctx)
	if err == nil {
		worker.kill()
	}
	return err
}

func killAll(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	for _, worker := range e.field.workers {
		worker.child.Signal(syscall.SIGKILL) // all at the same moment
	}
	for _, worker := range e.field.workers {
		worker.kill()
	}
	return e.field.revive()
}

func terminateHolder(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	pid, _, err := e.holder(ctx)
	if err == nil {
		_, err = e.field.db.Exec(ctx, `SELECT pg_terminate_backend($1)`, pid)
	}
	return err
}

func crashPostgres(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	return e.field.stand.RestartPostgres(ctx)
}

func stopStore(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	e.field.stand.KillS3()
	return errors.Join(pause(ctx, storeOutage), e.field.stand.StartS3(ctx))
}

func storeWeather(bad weather) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		if err := middle(ctx, e); err != nil {
			return err
		}
		e.field.proxy.set(bad)
		defer e.field.proxy.set(fine)
		return pause(ctx, storeTrouble)
	}
}

func rollingRestart(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	for _, worker := range e.field.workers {
		if err := worker.restart(); err != nil {
			return err
		}
	}
	return nil
}

func pauseHolder(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	_, worker, err := e.holder(ctx)
	if err != nil {
		return err
	}
	return e.pause(ctx, worker)
}

func pauseReader(ctx context.Context, e *export) error {
	if err := middle(ctx, e); err != nil {
		return err
	}
	worker, err := e.reader(ctx)
	if err != nil {
		return err
	}
	return e.pause(ctx, worker)
}

// pause stops a worker until others have taken over its work, and then resumes it. It
// fails if no worker takes over.
func (e *export) pause(ctx context.Context, worker *service) error {
	before, err := e.stage(ctx)
	if err != nil {
		return err
	}
	worker.child.Signal(syscall.SIGSTOP)
	defer worker.child.Signal(syscall.SIGCONT)
	_, err = e.untilStage(ctx, takeover, "others to take over", func(now stage) bool {
		return now.snapshot != before.snapshot || now.attempts > before.attempts
	})
	if err != nil {
		err = fmt.Errorf("%w; %s", err, e.line(ctx))
	}
	return err
}

const lineSQL = `
SELECT format('%s of %s, %s since %s, behind %s: %s', pid, usename, state, now() - state_change, pg_blocking_pids(pid), query)
FROM pg_stat_activity WHERE application_name = 'sluice' AND state <> 'idle' ORDER BY state_change`

// line says which sessions of the product are at something and behind whom they
// wait: a lock that is held for too long explains itself.
func (e *export) line(ctx context.Context) string {
	rows, err := e.field.db.Query(ctx, lineSQL)
	if err != nil {
		return err.Error()
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err.Error()
	}
	return "its sessions in PostgreSQL:\n" + strings.Join(sessions, "\n")
}
