package overview_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// patience is the deadline for an event that must happen.
const patience = 2 * time.Minute

// fixture is a migrated state database.
type fixture struct {
	db     *pgxpool.Pool
	store  *jobs.Store
	reader *overview.Reader

	// hold is the number of a part that stays running with half of its bytes read; 0 =
	// all parts are completed.
	hold atomic.Int64
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	config, err := pgxpool.ParseConfig(sourcetest.Database(t))
	require.NoError(t, err)
	config.MaxConns = 10
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)
	return &fixture{db: pool, store: store, reader: overview.New(pool)}
}

// work works part jobs until the test ends.
func (f *fixture) work(t *testing.T) {
	t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(f.workPart))
	runner, err := river.NewClient(riverpgxv5.New(f.db), &river.Config{
		FetchCooldown:   time.Millisecond,
		JobTimeout:      patience,
		Logger:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		Queues:          map[string]river.QueueConfig{jobs.QueuePart: {MaxWorkers: 1}},
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

// workPart completes a part with a file of 7 resources and 30 bytes.
func (f *fixture) workPart(ctx context.Context, job *river.Job[jobs.PartArgs]) error {
	part, err := f.store.TakePart(ctx, job.Args)
	if err != nil {
		return err
	}
	if int64(job.Args.Number) == f.hold.Load() {
		if err := f.store.RenewPart(ctx, part, 50, true); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	files := []jobs.File{{
		Kind: jobs.Output, ResourceType: part.ResourceType, ObjectKey: part.ObjectKey,
		Resources: 7, PlainBytes: 100, Bytes: 30, SHA256: []byte{0xab, 0xcd}, ETag: "etag",
	}}
	return f.store.CompletePart(ctx, job, part, files, func(context.Context) error { return nil })
}

func (f *fixture) accept(t *testing.T, client string, request jobs.Request) uuid.UUID {
	t.Helper()
	id, err := f.store.Accept(t.Context(), client, request)
	require.NoError(t, err)
	return id
}

// start accepts an export and starts it with parts of these sizes.
func (f *fixture) start(t *testing.T, client string, request jobs.Request, sizes ...int64) uuid.UUID {
	t.Helper()
	export, err := f.store.Begin(t.Context(), f.accept(t, client, request))
	require.NoError(t, err)
	plan := jobs.Plan{Snapshot: "00000003-0000001B-1", TransactionTime: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	for i, size := range sizes {
		plan.Parts = append(plan.Parts, jobs.PlannedPart{
			ResourceType: request.Types[i%len(request.Types)],
			Scan:         json.RawMessage(`{}`),
			ObjectKey:    fmt.Sprintf("%s/part.%04d.ndjson.gz", export.ID, i+1),
			Bytes:        size,
		})
	}
	require.NoError(t, f.store.Start(t.Context(), export, plan))
	return export.ID
}

// read waits until this number of parts of an export is done and returns the export.
func (f *fixture) read(t *testing.T, id uuid.UUID, done int) jobs.Export {
	t.Helper()
	var export jobs.Export
	require.Eventually(t, func() bool {
		var err error
		export, err = f.store.Get(t.Context(), id)
		return err == nil && export.PartsDone >= done
	}, patience, 10*time.Millisecond)
	return export
}

// complete completes an export of one part.
func (f *fixture) complete(t *testing.T, client string) uuid.UUID {
	t.Helper()
	id := f.start(t, client, jobs.Request{Types: []string{"Patient"}}, 100)
	export := f.read(t, id, 1)
	// Begin takes an export whose parts are all done as it is.
	held, err := f.store.Begin(t.Context(), export.ID)
	require.NoError(t, err)
	require.NoError(t, f.store.Complete(t.Context(), held, time.Hour, nil, func(context.Context, jobs.Export) error { return nil }))
	return id
}

func (f *fixture) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}
