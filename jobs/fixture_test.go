package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

const client = "bulk-client"

// fixture is a migrated state database with a Store. The test itself works the part
// jobs.
type fixture struct {
	db    *pgxpool.Pool
	store *jobs.Store
	taken chan *attempt
}

// attempt is a part job that the test works. It runs until end is called.
type attempt struct {
	ctx   context.Context
	job   *river.Job[jobs.PartArgs]
	ended chan error
}

// end returns from the job with this error, unless River has cancelled it.
func (a *attempt) end(err error) { a.ended <- err }

// awaitCancel returns when River has cancelled the attempt.
func (a *attempt) awaitCancel(t *testing.T) {
	t.Helper()
	<-a.ctx.Done()
	require.ErrorIs(t, context.Cause(a.ctx), rivertype.ErrJobCancelledRemotely)
}

// newFixture returns a fixture that works at most slots parts at the same time; it may be 0.
func newFixture(t *testing.T, slots int) *fixture {
	t.Helper()
	config, err := pgxpool.ParseConfig(sourcetest.Database(t))
	require.NoError(t, err)
	config.MaxConns = 40 // some tests query while their transactions are open
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)

	f := &fixture{db: pool, store: store, taken: make(chan *attempt)}
	if slots > 0 {
		f.work(t, slots)
	}
	return f
}

func (f *fixture) work(t *testing.T, slots int) {
	t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[jobs.PartArgs]) error {
		a := &attempt{ctx: ctx, job: job, ended: make(chan error, 1)}
		select {
		case f.taken <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-a.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	runner, err := river.NewClient(riverpgxv5.New(f.db), &river.Config{
		FetchCooldown:   time.Millisecond,
		JobTimeout:      patience,
		Logger:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		Queues:          map[string]river.QueueConfig{jobs.QueuePart: {MaxWorkers: slots}},
		Schema:          jobs.Schema,
		SoftStopTimeout: time.Millisecond,
		TestOnly:        true,
		Workers:         workers,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, runner.Start(ctx))
	t.Cleanup(func() {
		cancel()
		<-runner.Stopped()
	})
}

// patience is the deadline for an event that must happen.
const patience = 2 * time.Minute

// take waits for River's next part job.
func (f *fixture) take(t *testing.T) *attempt {
	t.Helper()
	select {
	case a := <-f.taken:
		return a
	case <-time.After(patience):
		require.Fail(t, "no part job came")
		return nil
	}
}

func (f *fixture) accept(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := f.store.Accept(t.Context(), client, jobs.Request{Types: []string{"Patient"}})
	require.NoError(t, err)
	return id
}

// plan returns a plan with parts of these sizes.
func plan(id uuid.UUID, sizes ...int64) jobs.Plan {
	p := jobs.Plan{Snapshot: "00000003-0000001B-1", TransactionTime: time.Date(2024, 5, 6, 7, 8, 9, 101112000, time.UTC)}
	for i, size := range sizes {
		p.Parts = append(p.Parts, jobs.PlannedPart{
			ResourceType: "Patient",
			Scan:         json.RawMessage(`{"from": 1}`),
			ObjectKey:    fmt.Sprintf("%s/Patient.%04d.ndjson.gz", id, i+1),
			Bytes:        size,
		})
	}
	return p
}

// started returns a running export with parts of these sizes.
func (f *fixture) started(t *testing.T, sizes ...int64) jobs.Export {
	t.Helper()
	export, err := f.store.Begin(t.Context(), f.accept(t))
	require.NoError(t, err)
	require.NoError(t, f.store.Start(t.Context(), export, plan(export.ID, sizes...)))
	return f.get(t, export.ID)
}

// readAll completes the parts of the export, one after the other.
func (f *fixture) readAll(t *testing.T, export jobs.Export) jobs.Export {
	t.Helper()
	for range export.PartsTotal {
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, wrote(part, 7), nothing))
		a.end(nil)
	}
	return f.get(t, export.ID)
}

// wrote returns the file of a part with this number of resources.
func wrote(part jobs.Part, resources int64) []jobs.File {
	return []jobs.File{{Kind: jobs.Output, ResourceType: part.ResourceType, ObjectKey: part.ObjectKey, Resources: resources, SHA256: []byte("hash")}}
}

// completed returns a completed export.
func (f *fixture) completed(t *testing.T, retention time.Duration) jobs.Export {
	t.Helper()
	export := f.readAll(t, f.started(t, 100))
	require.NoError(t, f.store.Complete(t.Context(), export, retention, nil, noManifest))
	return f.get(t, export.ID)
}

// await calls AwaitParts in the background. It returns when only a notification can end
// the wait soon.
func (f *fixture) await(t *testing.T, export jobs.Export) <-chan error {
	t.Helper()
	var before time.Time
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&before))
	ended := make(chan error, 1)
	go func() {
		_, err := f.store.AwaitParts(t.Context(), export)
		ended <- err
	}()
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND state = 'idle' AND state_change > $1 AND query LIKE '%FROM sluice.export e%'`, before) > 0
	}, patience, 5*time.Millisecond)
	return ended
}

// nothing publishes nothing.
func nothing(context.Context) error { return nil }

func noManifest(context.Context, jobs.Export) error { return nil }

func (f *fixture) get(t *testing.T, id uuid.UUID) jobs.Export {
	t.Helper()
	export, err := f.store.Get(t.Context(), id)
	require.NoError(t, err)
	export.ReadAt = time.Time{} // so that exports can be compared
	return export
}

func (f *fixture) hold(t *testing.T, args jobs.PartArgs) jobs.Part {
	t.Helper()
	part, err := f.store.TakePart(t.Context(), args)
	require.NoError(t, err)
	return part
}

// count returns the result of a query for one number.
func (f *fixture) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// cleanups returns the number of cleanup jobs of the export.
func (f *fixture) cleanups(t *testing.T, id uuid.UUID) int {
	t.Helper()
	return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_cleanup' AND args->>'export_id' = $1`, id.String())
}

// refuseCommits makes the COMMIT of each transaction fail that has changed the table.
func (f *fixture) refuseCommits(t *testing.T, table string) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END';
		CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON `+table+`
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
}

// listen returns a function that waits for the next notification of an export.
func (f *fixture) listen(t *testing.T) (next func() string) {
	t.Helper()
	conn, err := f.db.Acquire(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Hijack().Close(context.Background()) })
	_, err = conn.Exec(t.Context(), `LISTEN sluice_export`)
	require.NoError(t, err)
	return func() string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		notification, err := conn.Conn().WaitForNotification(ctx)
		require.NoError(t, err)
		return notification.Payload
	}
}
