package jobs_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// lostExport is an export as a killed process leaves it: with two parts, the first
// taken, whose jobs are running for River.
type lostExport struct {
	t     *testing.T
	pool  *pgxpool.Pool
	store *jobs.Store
	id    uuid.UUID
	part  jobs.Part
}

func newLostExport(t *testing.T) *lostExport {
	t.Helper()
	ctx := t.Context()
	pool, err := pgxpool.New(ctx, sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(ctx, pool)
	require.NoError(t, err)
	store, err := jobs.New(pool, jobs.Config{})
	require.NoError(t, err)

	id, err := store.Accept(ctx, "a", jobs.Request{Types: []string{"Patient"}})
	require.NoError(t, err)
	export, err := store.Begin(ctx, id)
	require.NoError(t, err)
	require.NoError(t, store.Start(ctx, export, jobs.Plan{
		Snapshot:        "1-1",
		TransactionTime: time.Now(),
		Parts: []jobs.PlannedPart{
			{ResourceType: "Patient", Scan: json.RawMessage(`{}`), ObjectKey: export.ID.String() + "/Patient.0001.ndjson.gz", Bytes: 1},
			{ResourceType: "Patient", Scan: json.RawMessage(`{}`), ObjectKey: export.ID.String() + "/Patient.0002.ndjson.gz", Bytes: 1},
		},
	}))
	part, err := store.TakePart(ctx, jobs.PartArgs{ExportID: id, Generation: export.Generation, Number: 1})
	require.NoError(t, err)
	l := &lostExport{t: t, pool: pool, store: store, id: id, part: part}
	l.exec(`UPDATE sluice.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '1 minute'
	        WHERE kind = 'sluice_export' OR args->>'number' = '1'`)
	return l
}

func (l *lostExport) exec(sql string) {
	l.t.Helper()
	_, err := l.pool.Exec(l.t.Context(), sql)
	require.NoError(l.t, err)
}

// available returns the number of jobs that a worker would take now.
func (l *lostExport) available() int {
	l.t.Helper()
	return l.count(`SELECT count(*) FROM sluice.river_job WHERE state = 'available'`)
}

func (l *lostExport) count(sql string) (count int) {
	l.t.Helper()
	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), sql).Scan(&count))
	return count
}

func (l *lostExport) reclaim() int {
	l.t.Helper()
	reclaimed, err := l.store.Reclaim(l.t.Context())
	require.NoError(l.t, err)
	return reclaimed.Exports + reclaimed.Parts
}

func TestReclaim(t *testing.T) {
	t.Parallel()

	const (
		expireExport = `UPDATE sluice.export SET lease_until = now() - interval '1 s'`
		expirePart   = `UPDATE sluice.part SET lease_until = now() - interval '1 s' WHERE number = 1`
	)

	t.Run("LivingKeepTheirWork", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		require.Zero(t, l.reclaim())
		require.Equal(t, 1, l.available(), "the part that nobody has taken")
	})

	t.Run("ExpiredAreGivenToOthers", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		l.exec(expireExport)
		require.Equal(t, 1, l.reclaim())
		l.exec(expirePart)
		require.Equal(t, 1, l.reclaim())
		require.Equal(t, 3, l.available())
		require.Zero(t, l.reclaim(), "they wait to be taken")
	})

	t.Run("RenewedAreKept", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		l.exec(expireExport)
		l.exec(expirePart)
		export, err := l.store.Get(t.Context(), l.id)
		require.NoError(t, err)
		require.NoError(t, l.store.Renew(t.Context(), export))
		require.NoError(t, l.store.RenewPart(t.Context(), l.part, 1, true))
		require.Zero(t, l.reclaim())
	})

	t.Run("TakenButNeverHeld", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		l.exec(`UPDATE sluice.river_job SET state = 'running', attempt = 1, attempted_at = now() WHERE args->>'number' = '2'`)
		require.Zero(t, l.reclaim(), "its process may be about to hold it")
		l.exec(`UPDATE sluice.river_job SET attempted_at = now() - interval '1 minute' WHERE args->>'number' = '2'`)
		require.Equal(t, 1, l.reclaim())
	})

	t.Run("JobEndedButNotItsWork", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		l.exec(expirePart)
		l.exec(`UPDATE sluice.river_job SET state = 'completed', finalized_at = now() WHERE args->>'number' = '1'`)
		require.Equal(t, 1, l.reclaim())
	})

	t.Run("CancelledWhereNobodyListens", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		require.NoError(t, l.store.Cancel(t.Context(), l.id, "a"))
		const running = `SELECT count(*) FROM sluice.river_job WHERE state = 'running'`
		var count int
		l.reclaim()
		require.NoError(t, l.pool.QueryRow(t.Context(), running).Scan(&count))
		require.Equal(t, 2, count, "their process may be about to end them")

		l.exec(`UPDATE sluice.river_job SET metadata = jsonb_set(metadata, '{cancel_attempted_at}', to_jsonb(now() - interval '1 minute')) WHERE state = 'running'`)
		l.reclaim()
		require.NoError(t, l.pool.QueryRow(t.Context(), running).Scan(&count))
		require.Zero(t, count)
	})

	t.Run("AboutToBeDone", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, 1)
		f.started(t, 100)
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		_, err := f.db.Exec(t.Context(), `UPDATE sluice.part SET lease_until = now() - interval '1 s' WHERE number = $1`, a.job.Args.Number)
		require.NoError(t, err)
		_, err = f.db.Exec(t.Context(), `UPDATE sluice.river_job SET attempted_at = now() - interval '1 minute', attempt = max_attempts WHERE id = $1`, a.job.ID)
		require.NoError(t, err)

		// The lease is not renewed while the part is published, and a slow store can
		// take longer than a lease.
		var reclaimed jobs.Reclaimed
		require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, wrote(part, 7), func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			reclaimed, err = f.store.Reclaim(ctx)
			return err
		}), "looking for lost work must not wait for the store")
		require.Zero(t, reclaimed)
		a.end(nil)
		require.Equal(t, 1, f.count(t, `SELECT parts_done FROM sluice.export WHERE state = 'running'`))
	})

	t.Run("LostTooOften", func(t *testing.T) {
		t.Parallel()
		l := newLostExport(t)
		l.exec(expirePart)
		l.exec(`UPDATE sluice.river_job SET attempt = max_attempts WHERE args->>'number' = '1'`)
		require.Zero(t, l.reclaim())
		export, err := l.store.Get(t.Context(), l.id)
		require.NoError(t, err)
		require.Equal(t, jobs.Failed, export.State)
		require.Equal(t, "Patient.0001.ndjson.gz: abandoned after repeated worker crashes", export.Failure)
	})
}

// A process that has lost a lease gets ErrStale at the next renewal.
func TestRenewLost(t *testing.T) {
	t.Parallel()
	l := newLostExport(t)
	ctx := t.Context()

	before, err := l.store.Get(ctx, l.id)
	require.NoError(t, err)
	again, err := l.store.TakePart(ctx, jobs.PartArgs{ExportID: l.id, Generation: before.Generation, Number: 1})
	require.NoError(t, err)
	require.ErrorIs(t, l.store.RenewPart(ctx, l.part, 1, true), jobs.ErrStale)
	require.NoError(t, l.store.RenewPart(ctx, again, 1, true))

	_, err = l.store.Begin(context.WithoutCancel(ctx), l.id)
	require.NoError(t, err)
	require.ErrorIs(t, l.store.Renew(ctx, before), jobs.ErrStale)
	require.ErrorIs(t, l.store.RenewPart(ctx, again, 1, true), jobs.ErrStale)
}

// Short jobs of a dead process are retried, or discarded if no attempts are left, by the
// clock of the database.
func TestReclaimOfShortJobs(t *testing.T) {
	t.Parallel()
	l := newLostExport(t)
	require.NoError(t, l.store.Fail(t.Context(), l.id, "why"))
	l.exec(`INSERT INTO sluice.river_job (kind, queue, max_attempts, args) VALUES ('sluice_sweep', 'sluice_cleanup', 1, '{}');
		UPDATE sluice.river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '19 minutes' WHERE queue = 'sluice_cleanup'`)
	l.reclaim()
	require.Equal(t, 2, l.count(`SELECT count(*) FROM sluice.river_job WHERE state = 'running' AND queue = 'sluice_cleanup'`))
	l.exec(`UPDATE sluice.river_job SET attempted_at = now() - interval '21 minutes' WHERE queue = 'sluice_cleanup'`)
	l.reclaim()
	require.Equal(t, 1, l.count(`SELECT count(*) FROM sluice.river_job WHERE state = 'available' AND kind = 'sluice_cleanup'`))
	require.Equal(t, 1, l.count(`SELECT count(*) FROM sluice.river_job WHERE state = 'discarded' AND kind = 'sluice_sweep'`))
}
