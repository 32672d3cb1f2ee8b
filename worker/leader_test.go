package worker_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// mailArgs is the job of another program that uses River.
type mailArgs struct{}

func (mailArgs) Kind() string { return "mail" }

// otherProgram runs a program with River's tables in the default schema of the
// database, and returns when it is the leader there.
func (f *fixture) otherProgram(t *testing.T) {
	t.Helper()
	driver := riverpgxv5.New(f.db)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)

	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[mailArgs]) error { return nil }))
	other, err := river.NewClient(driver, &river.Config{
		ID:      "other",
		Logger:  slog.New(slog.DiscardHandler),
		Queues:  map[string]river.QueueConfig{jobs.QueueExport: {MaxWorkers: 1}, jobs.QueueCleanup: {MaxWorkers: 1}},
		Workers: workers,
	})
	require.NoError(t, err)
	require.NoError(t, other.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, other.StopAndCancel(ctx))
	})
	f.eventually(t, "the other program is the leader", func() bool {
		return f.count(t, `SELECT count(*) FROM public.river_leader WHERE leader_id = 'other'`) == 1
	})
}

// Another program that uses River in the same database, even with queues of the same
// names, does not keep Sluice from exporting or from deleting files.
func TestOtherRiverProgram(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	running := f.start(t, options{})
	old := f.accept(t, jobs.Request{})
	f.await(t, old, jobs.Completed)
	running.stop(t)
	f.exec(t, `DELETE FROM sluice.river_job WHERE kind IN ('sluice_expire', 'sluice_sweep')`) // they were due a while ago
	f.exec(t, `UPDATE sluice.export SET expires_at = now()`)
	failed := f.ended(t, jobs.Failed, "61 minutes")
	f.leave(t, failed)

	f.otherProgram(t)
	f.start(t, options{})
	f.eventually(t, "the old one has expired", func() bool {
		export, err := f.store.GetForClient(t.Context(), old, client)
		require.NoError(t, err)
		return export.State == jobs.Expired
	})
	f.requireNothing(t, old)
	f.eventually(t, "the failed one is swept", func() bool { return f.remains(t, failed) == remains{} })
	f.await(t, f.accept(t, jobs.Request{}), jobs.Completed)
}
