package worker_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/journal"
	"github.com/seed-90096f4d/sluice/jobs/stateclock"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
	"github.com/seed-90096f4d/sluice/worker"
)

const client = "bulk-client"

// fixture is a database with FHIR tables and Sluice's own, and a prefix in a bucket.
// The worker reads the tables with a role that has no other privileges.
type fixture struct {
	url       string
	sourceURL string
	bucketURL string
	role      string
	db        *pgxpool.Pool
	store     *jobs.Store
	bucket    *storage.Bucket
}

// newFixture creates a fixture whose FHIR tables setup creates.
func newFixture(t *testing.T, setup string) *fixture {
	t.Helper()
	return newFixtureOn(t, sourcetest.Database(t), setup)
}

// newFixtureOn is newFixture in an existing database.
func newFixtureOn(t *testing.T, databaseURL, setup string) *fixture {
	t.Helper()
	f := &fixture{url: databaseURL, bucketURL: storagetest.Bucket(t)}
	f.db = openPool(t, f.url, 0)
	_, err := migrations.Up(t.Context(), f.db)
	require.NoError(t, err)
	f.store, err = jobs.New(f.db, jobs.Config{})
	require.NoError(t, err)
	f.bucket = openBucket(t, f.bucketURL)

	f.exec(t, setup)
	f.newRole(t)
	return f
}

// newRole creates the role that reads the existing tables. Roles belong to the server,
// so it is dropped after the test.
func (f *fixture) newRole(t *testing.T) {
	t.Helper()
	f.role = "sluice_test_" + strings.ToLower(rand.Text())
	f.exec(t, `CREATE ROLE `+f.role+` LOGIN PASSWORD 'secret' IN ROLE pg_read_all_stats`)
	t.Cleanup(func() {
		_, err := f.db.Exec(context.Background(), `DROP OWNED BY `+f.role+`; DROP ROLE `+f.role)
		require.NoError(t, err)
	})
	f.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+f.role)

	u, err := url.Parse(f.url)
	require.NoError(t, err)
	u.User = url.UserPassword(f.role, "secret")
	f.sourceURL = u.String()
}

// openPool opens a pool of conns connections, or of pgx's default number if that is 0.
func openPool(t *testing.T, databaseURL string, conns int32) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(databaseURL)
	require.NoError(t, err)
	config.MaxConns = cmp.Or(conns, config.MaxConns)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func openBucket(t *testing.T, bucketURL string) *storage.Bucket {
	t.Helper()
	bucket, err := storage.Open(storage.Config{URL: bucketURL})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	return bucket
}

func (f *fixture) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// options configure a worker. The zero value is a worker that reads the fixture's
// tables into its bucket.
type options struct {
	sourceURL, bucketURL string
	stateURL             string
	database             *pgxpool.Pool
	databaseConns        int32
	check                func(context.Context) error
	giveWay              time.Duration
	jsonb                form.Mode
	maxAge               time.Duration
	maxFileBytes         int64
	outageLimit          time.Duration
	partBytes            int64
	retention            time.Duration
	slots                int
	stopTimeout          time.Duration
	logger               *slog.Logger
	registry             *prometheus.Registry
	noSource             bool // a worker that panics
}

// start runs a worker until it is stopped or the test ends.
func (f *fixture) start(t *testing.T, opts options) *running {
	t.Helper()
	src, err := source.Open(t.Context(), source.Config{URL: cmp.Or(opts.sourceURL, f.sourceURL), ResourceTypes: fhir.R4().ResourceTypes(), GiveWay: opts.giveWay, JSONB: opts.jsonb, RowSecurity: true})
	require.NoError(t, err)
	t.Cleanup(src.Close)

	if opts.noSource {
		src = nil
	}
	pool := cmp.Or(opts.database, openPool(t, cmp.Or(opts.stateURL, f.url), opts.databaseConns))
	logger := cmp.Or(opts.logger, slog.New(slog.DiscardHandler))
	registry := cmp.Or(opts.registry, prometheus.NewRegistry())
	w, err := worker.New(worker.Config{
		Bucket:        openBucket(t, cmp.Or(opts.bucketURL, f.bucketURL)),
		Check:         opts.check,
		Clock:         stateclock.New(pool),
		Database:      pool,
		Exports:       16,
		History:       30 * 24 * time.Hour,
		Logger:        logger,
		Observe:       journal.New(logger, registry).Observe,
		Registry:      registry,
		ExportTimeout: cmp.Or(opts.maxAge, 24*time.Hour),
		MaxFileBytes:  cmp.Or(opts.maxFileBytes, 4<<30),
		OutageLimit:   cmp.Or(opts.outageLimit, time.Hour),
		PartBytes:     cmp.Or(opts.partBytes, 256<<20),
		Retention:     cmp.Or(opts.retention, 24*time.Hour),
		Slots:         cmp.Or(opts.slots, runtime.NumCPU()),
		Source:        src,
		StopTimeout:   cmp.Or(opts.stopTimeout, time.Millisecond),
		Version:       "v1.2.3-test",
		Window:        jobs.DefaultWindow,
	})
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	r := &running{worker: w, interrupt: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = w.Run(ctx)
	}()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// running is a running worker. interrupt makes it stop.
type running struct {
	worker    *worker.Worker
	interrupt func()
	ended     chan struct{}
	err       error
}

// stop stops the worker and waits for its end.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.interrupt()
	<-r.ended
	require.NoError(t, r.err)
}

// accept kicks off an export, by default of all types that the tests know.
func (f *fixture) accept(t *testing.T, request jobs.Request) uuid.UUID {
	t.Helper()
	if request.Types == nil {
		request.Types = []string{"Encounter", "Observation", "Patient"}
	}
	id, err := f.store.Accept(t.Context(), client, request)
	require.NoError(t, err)
	return id
}

// await waits until the export is in the state and its jobs have ended, and returns it.
// Another final state fails the test at once.
func (f *fixture) await(t *testing.T, id uuid.UUID, state jobs.State) jobs.Export {
	t.Helper()
	var export jobs.Export
	f.eventually(t, "the export is "+string(state), func() bool {
		var err error
		export, err = f.store.Get(t.Context(), id)
		require.NoError(t, err)
		if export.State != jobs.Accepted && export.State != jobs.Running {
			require.Equal(t, state, export.State, export.Failure)
		}
		return export.State == state
	})
	f.eventually(t, "its jobs have ended", func() bool {
		return f.count(t, `
		SELECT count(*) FROM sluice.river_job 
			WHERE args->>'export_id' = $1 AND kind <> 'sluice_cleanup' AND finalized_at IS NULL`, id.String()) == 0
	})
	return export
}

// count returns the result of a query for one number.
func (f *fixture) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// patience is how long a test waits for an event that is certain to come.
const patience = 2 * time.Minute

// receive returns the next value of the channel.
func receive[T any](t *testing.T, from <-chan T) (received T) {
	t.Helper()
	select {
	case received = <-from:
	case <-time.After(patience):
		require.Fail(t, "not received in time")
	}
	return received
}

// eventually polls until something has happened.
func (f *fixture) eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !happened() {
		require.True(t, time.Now().Before(deadline), "not in time: "+what)
		time.Sleep(5 * time.Millisecond)
	}
}
