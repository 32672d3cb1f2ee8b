package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
)

const (
	storeOutage = 20 * time.Second
	// longOutage is the duration of a failover, which takes 30 to 120 s.
	longOutage = 120 * time.Second
	// storeTrouble is how long the object store refuses requests, or is slow.
	storeTrouble = 10 * time.Second
	// takeoverTimeout is the maximum time until other workers have taken over the work of
	// a dead one (30 s, as the README says).
	takeoverTimeout = 35 * time.Second
)

// fault is a fault in the middle of an export.
type fault struct {
	name   string
	short  bool // belongs to the short form
	inject func(context.Context, *export) error
}

var faults = []fault{
	{"none", true, nil},
	{"kill -9 of the worker that holds the snapshot", false, toHolder(kill)},
	{"kill -9 of a worker that reads a part", false, toReader(kill)},
	{"kill -9 of all workers, and a later start", true, killAll},
	{"pg_terminate_backend on the holder", false, terminateHolder},
	{"PostgreSQL stopped at once and started again", true, stopPostgres(0)},
	{"S3 stopped for 20 s", false, stopStore(storeOutage)},
	{"S3 answers 503 for 10 s", false, storeBehaves(unavailable)},
	{"S3 slow for 10 s", false, storeBehaves(slow)},
	{"S3 loses, replaces and truncates objects", true, damageObjects},
	{"source away for 120 s: PostgreSQL is stopped", false, stopPostgres(longOutage)},
	{"source away for 120 s: it has no connections left", false, refuseConnections},
	{"object store away for 120 s", false, stopStore(longOutage)},
	{"a broken worker among healthy ones", false, addBrokenWorker},
	{"SIGTERM of each worker in turn", true, rollingRestart},
	{"SIGSTOP of the holder beyond its lease", false, toHolder(pause)},
	{"SIGSTOP of a reader beyond its lease", false, toReader(pause)},
	{"SIGSTOP of a worker that publishes", false, pausePublisher},
}

func toHolder(do func(context.Context, *export, *product.Service) error) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		_, worker, err := e.holder(ctx)
		if err != nil {
			return err
		}
		return do(ctx, e, worker)
	}
}

func toReader(do func(context.Context, *export, *product.Service) error) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		worker, err := e.reader(ctx)
		if err != nil {
			return err
		}
		return do(ctx, e, worker)
	}
}

func kill(_ context.Context, _ *export, worker *product.Service) error {
	worker.Kill()
	return nil
}

func killAll(_ context.Context, e *export) error {
	for _, worker := range e.harness.workers {
		worker.Signal(syscall.SIGKILL) // all at the same moment
	}
	for _, worker := range e.harness.workers {
		worker.Kill()
	}
	return e.harness.revive()
}

func terminateHolder(ctx context.Context, e *export) error {
	pid, _, err := e.holder(ctx)
	if err == nil {
		_, err = e.harness.db.Exec(ctx, `SELECT pg_terminate_backend($1)`, pid)
	}
	return err
}

// stopPostgres stops the server of both databases.
func stopPostgres(outage time.Duration) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		server := e.harness.stand.Postgres
		if err := server.Stop(); err != nil {
			return err
		}
		return errors.Join(process.Sleep(ctx, outage), server.Restart(ctx))
	}
}

func stopStore(outage time.Duration) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		store := e.harness.stand.S3
		store.Kill()
		return errors.Join(process.Sleep(ctx, outage), store.Restart(ctx))
	}
}

func storeBehaves(b behavior) func(context.Context, *export) error {
	return func(ctx context.Context, e *export) error {
		e.harness.proxy.set(b)
		defer e.harness.proxy.set(normal)
		return process.Sleep(ctx, storeTrouble)
	}
}

const terminateRoleSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`

// refuseConnections lets the workers' roles open no session on the source, as if others
// had taken all, and terminates those that they have. The state database stays available.
func refuseConnections(ctx context.Context, e *export) error {
	if err := e.harness.limitConnections(ctx, 0); err != nil {
		return err
	}
	for _, worker := range e.harness.workers {
		if _, err := e.harness.db.Exec(ctx, terminateRoleSQL, worker.Name); err != nil {
			return fmt.Errorf("terminate the sessions of %s: %w", worker.Name, err)
		}
	}
	return errors.Join(process.Sleep(ctx, longOutage), e.harness.limitConnections(ctx, -1))
}

// limitConnections sets how many sessions each worker may have on the source.
func (h *harness) limitConnections(ctx context.Context, limit int) error {
	for _, worker := range h.workers {
		if _, err := h.db.Exec(ctx, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", worker.Name, limit)); err != nil {
			return fmt.Errorf("limit the connections of %s: %w", worker.Name, err)
		}
	}
	return nil
}

// addBrokenWorker starts a worker with a wrong secret for the object store, which runs
// until the export has ended.
func addBrokenWorker(ctx context.Context, e *export) error {
	bucket, err := url.Parse(e.harness.bucketURL)
	if err != nil {
		return err
	}
	bucket.User = url.UserPassword(bucket.User.Username(), "wrong")
	env := e.harness.workers[0].Env
	broken := e.harness.program.Service("broken", "worker", append(env[:len(env):len(env)], "SLUICE_S3_URL="+bucket.String())...)
	if err := broken.Start(); err != nil {
		return err
	}
	defer broken.Kill()
	err = process.Poll(ctx, readyTimeout, "the broken worker to stop taking jobs", func(context.Context) (bool, error) {
		log, err := os.ReadFile(broken.Log)
		return strings.Contains(string(log), "worker stopped taking jobs"), err
	})
	if err != nil {
		return err
	}
	_, err = e.waitEnd(ctx)
	return err
}

func rollingRestart(_ context.Context, e *export) error {
	for _, worker := range e.harness.workers {
		if err := worker.Restart(); err != nil {
			return err
		}
	}
	return nil
}

// pause stops a worker until others have taken over its work, and then resumes it. It
// fails if no worker takes over.
func pause(ctx context.Context, e *export, worker *product.Service) error {
	before, err := e.stage(ctx)
	if err != nil {
		return err
	}
	worker.Signal(syscall.SIGSTOP)
	defer worker.Signal(syscall.SIGCONT)
	_, err = e.waitStage(ctx, takeoverTimeout, "other workers to take over", func(now stage) bool {
		return now.snapshot != before.snapshot || now.attempts > before.attempts
	})
	if err != nil {
		err = fmt.Errorf("%w; %s", err, e.harness.sessions(ctx))
	}
	return err
}

const sessionsSQL = `
SELECT format('%s of %s, %s since %s, behind %s: %s', pid, usename, state, now() - state_change, pg_blocking_pids(pid), query)
FROM pg_stat_activity WHERE application_name = 'sluice' AND state <> 'idle' ORDER BY state_change`

// sessions describes the active sessions of the product, and which sessions block them.
func (h *harness) sessions(ctx context.Context) string {
	rows, err := h.db.Query(ctx, sessionsSQL)
	if err != nil {
		return err.Error()
	}
	sessions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err.Error()
	}
	return "its sessions in PostgreSQL:\n" + strings.Join(sessions, "\n")
}

// A worker publishes objects within a transaction whose locks others wait for. $1 is a
// pattern for the name of its session, $2 the minimum time since its last statement.
const publishingSQL = `
SELECT application_name FROM pg_stat_activity
WHERE application_name LIKE $1 AND state = 'idle in transaction' AND clock_timestamp() > state_change + $2 LIMIT 1`

// pausePublisher pauses a worker while it publishes.
func pausePublisher(ctx context.Context, e *export) error {
	var worker *product.Service
	err := process.Poll(ctx, readyTimeout, "a worker that publishes", func(ctx context.Context) (caught bool, err error) {
		worker, caught, err = e.harness.catchPublisher(ctx)
		return caught, err
	})
	if err != nil {
		return err
	}
	return pause(ctx, e, worker)
}

// catchPublisher stops a worker that publishes. caught is false if it has finished before.
func (h *harness) catchPublisher(ctx context.Context) (worker *product.Service, caught bool, err error) {
	var name string
	if err := h.db.QueryRow(ctx, publishingSQL, statePrefix+"worker%", time.Duration(0)).Scan(&name); err != nil {
		return nil, false, err
	}
	if worker, err = h.worker(strings.TrimPrefix(name, statePrefix)); err != nil {
		return nil, false, err
	}
	worker.Signal(syscall.SIGSTOP)
	// The session of a worker that was caught does not change any more.
	const unchanged = 40 * time.Millisecond
	err = process.Poll(ctx, 2*unchanged, "the session of a stopped worker", func(ctx context.Context) (bool, error) {
		err := h.db.QueryRow(ctx, publishingSQL, name, unchanged).Scan(&name)
		return err == nil, err
	})
	if err != nil {
		worker.Signal(syscall.SIGCONT)
	}
	return worker, err == nil, nil
}
