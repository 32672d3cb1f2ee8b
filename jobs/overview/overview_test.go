package overview_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
)

// TestMain fails if a test leaves a goroutine running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unrecorded(context.Context, pgx.Tx, jobs.Export) error { return nil }

// everyState inserts an export in each state and returns their ids.
func everyState(t *testing.T, f *fixture) map[jobs.State]uuid.UUID {
	t.Helper()
	ids := map[jobs.State]uuid.UUID{}
	ids[jobs.Failed] = f.start(t, "b", jobs.Request{Types: []string{"Patient"}}, 100)
	require.NoError(t, f.store.Fail(t.Context(), ids[jobs.Failed], "the table is gone"))
	f.work(t)
	ids[jobs.Completed] = f.complete(t, "a")
	ids[jobs.Expired] = f.complete(t, "a")
	require.NoError(t, f.store.ExpireByOperator(t.Context(), ids[jobs.Expired], unrecorded))
	ids[jobs.Cancelled] = f.complete(t, "b")
	require.NoError(t, f.store.CancelByOperator(t.Context(), ids[jobs.Cancelled], unrecorded))
	f.hold.Store(3)
	ids[jobs.Running] = f.start(t, "b", jobs.Request{
		Types: []string{"Observation", "Patient"}, Level: jobs.GroupLevel, Group: "g1", FHIR: true,
		URL:     "https://example.org/Group/g1/$export?patient=Patient/secret",
		Filters: map[string][]string{"Observation": {"code=secret", "code=secret2"}},
	}, 100, 200, 300, 400)
	f.read(t, ids[jobs.Running], 2)
	require.Eventually(t, func() bool {
		export, err := f.store.Get(t.Context(), ids[jobs.Running])
		return err == nil && export.BytesRead == 350
	}, patience, 10*time.Millisecond)
	ids[jobs.Accepted] = f.accept(t, "a", jobs.Request{
		Types: []string{"Patient"}, Level: jobs.PatientLevel, Patients: []string{"secret", "secret2"},
		Elements: []string{"name"}, ChangedAfter: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	return ids
}

func listed(page overview.Page) []uuid.UUID {
	var ids []uuid.UUID
	for _, export := range page.Exports {
		ids = append(ids, export.ID)
	}
	return ids
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ids := everyState(t, f)
	newest := []uuid.UUID{ids[jobs.Accepted], ids[jobs.Running], ids[jobs.Cancelled], ids[jobs.Expired], ids[jobs.Completed], ids[jobs.Failed]}

	list := func(filter overview.Filter) []uuid.UUID {
		t.Helper()
		page, err := f.reader.List(t.Context(), filter)
		require.NoError(t, err)
		require.Empty(t, page.Next)
		return listed(page)
	}
	require.Equal(t, newest, list(overview.Filter{}))
	for state, id := range ids {
		require.Equal(t, []uuid.UUID{id}, list(overview.Filter{States: []jobs.State{state}}), state)
	}
	require.Equal(t, newest[:2], list(overview.Filter{States: []jobs.State{jobs.Running, jobs.Accepted, jobs.Running}}))
	require.Equal(t, []uuid.UUID{ids[jobs.Running], ids[jobs.Cancelled], ids[jobs.Failed]}, list(overview.Filter{Client: "b"}))
	require.Equal(t, newest[1:2], list(overview.Filter{Client: "b", Levels: []jobs.Level{jobs.GroupLevel}}))
	require.Empty(t, list(overview.Filter{Client: "c"}))
	require.Equal(t, newest[:1], list(overview.Filter{Levels: []jobs.Level{jobs.PatientLevel}}))
	require.Equal(t, newest[2:], list(overview.Filter{Levels: []jobs.Level{jobs.SystemLevel}}))
	third, err := f.store.Get(t.Context(), newest[2])
	require.NoError(t, err)
	require.Equal(t, newest[:3], list(overview.Filter{Since: third.CreatedAt}))

	t.Run("Pages", func(t *testing.T) {
		// Exports that were accepted at the same time are in the order of their ids.
		f.exec(t, `UPDATE sluice.export SET created_at = $1 WHERE id = ANY($2)`, third.CreatedAt, newest[2:5])
		slices.SortFunc(newest[2:5], func(a, b uuid.UUID) int { return slices.Compare(b[:], a[:]) })
		for _, filter := range []overview.Filter{{Limit: 1}, {Limit: 2}, {Limit: 5}, {Limit: 6}} {
			var all []uuid.UUID
			for range newest {
				page, err := f.reader.List(t.Context(), filter)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Exports), filter.Limit)
				all = append(all, listed(page)...)
				if filter.After = page.Next; page.Next == "" {
					break
				}
			}
			require.Equal(t, newest, all, filter.Limit)
		}
	})

	for _, wrong := range []string{"x", "%", "MjAyNg", "MjAyNi0wMS0wMVQwMDowMDowMFogeA", "eCB4"} {
		_, err := f.reader.List(t.Context(), overview.Filter{After: wrong})
		require.ErrorIs(t, err, overview.ErrCursor, wrong)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ids := everyState(t, f)
	show := func(state jobs.State) overview.Export {
		t.Helper()
		export, err := f.reader.Show(t.Context(), ids[state])
		require.NoError(t, err)
		require.Equal(t, ids[state], export.ID)
		require.Equal(t, state, export.State)
		document, err := json.Marshal(export)
		require.NoError(t, err)
		require.NotContains(t, string(document), "secret")
		return export
	}

	t.Run("Running", func(t *testing.T) {
		export := show(jobs.Running)
		require.Equal(t, []string{
			"2 types: Observation, Patient", "members of Group/g1", "Observation filtered by 2 searches", "fhir format",
		}, export.Request.Words())
		require.Equal(t, "group", export.Level)
		require.Equal(t, []overview.TypeProgress{
			{Type: "Observation", Kind: jobs.Output, Parts: 2, PartsDone: 1, PartsRunning: 1, BytesPlanned: 400, BytesRead: 150, Files: 1, Resources: 7, PlainBytes: 100, StoredBytes: 30},
			{Type: "Patient", Kind: jobs.Output, Parts: 2, PartsDone: 1, BytesPlanned: 600, BytesRead: 200, Files: 1, Resources: 7, PlainBytes: 100, StoredBytes: 30},
		}, export.Types)
		require.Len(t, export.Parts, 1)
		part := export.Parts[0]
		require.Equal(t, 3, part.Number)
		require.Equal(t, 1, part.Attempt)
		require.EqualValues(t, 50, part.BytesRead)
		require.NotNil(t, part.LeaseUntil)
		require.Equal(t, *part.ProgressAt, *export.ProgressAt)
		require.Equal(t, 4, export.PartsTotal)
		require.Equal(t, 2, export.PartsDone)
		require.Equal(t, 4, export.PartsQueued)
		require.EqualValues(t, 350, export.BytesRead)
		require.Equal(t, 35, export.Percent())
		require.EqualValues(t, 14, export.Resources)
		require.Equal(t, 2, export.FilesStored)
		require.EqualValues(t, 60, export.BytesStored)
		require.Zero(t, export.Restarts)

		for _, pair := range [][2]*time.Time{{&export.CreatedAt, export.StartedAt}, {export.StartedAt, export.PlannedAt}, {export.SnapshotAt, export.PlannedAt}, {export.PlannedAt, export.ProgressAt}, {export.ProgressAt, &export.ReadAt}} {
			require.False(t, pair[1].Before(*pair[0]))
		}
		require.InDelta(t, export.ReadAt.Sub(*export.SnapshotAt).Seconds(), *export.SnapshotAge, 0.001)
		require.InDelta(t, 350, export.Rate.BytesPerSecond*export.Rate.Seconds, 0.001)
		require.InDelta(t, 14, export.Rate.ResourcesPerSecond*export.Rate.Seconds, 0.001)
		require.InDelta(t, 650, *export.Rate.Remaining*export.Rate.BytesPerSecond, 0.001)
	})

	t.Run("Waiting", func(t *testing.T) {
		f.exec(t, `UPDATE sluice.export SET waiting_since = now(), waiting_reason = 'no store' WHERE id = $1`, ids[jobs.Running])
		export := show(jobs.Running)
		require.Equal(t, "no store", export.WaitingReason)
		require.Nil(t, export.Rate.Remaining)
		f.exec(t, `UPDATE sluice.export SET waiting_since = NULL WHERE id = $1`, ids[jobs.Running])
	})

	t.Run("Accepted", func(t *testing.T) {
		export := show(jobs.Accepted)
		require.Equal(t, []string{
			"1 type: Patient", "only 2 named patients", "only elements name", "changed after 2026-01-02T03:04:05Z", "aidbox format",
		}, export.Request.Words())
		require.Nil(t, export.StartedAt)
		require.Nil(t, export.ProgressAt)
		require.Nil(t, export.Rate)
		require.Empty(t, export.Types)
	})

	t.Run("Completed", func(t *testing.T) {
		export := show(jobs.Completed)
		require.Equal(t, 100, export.Percent())
		require.Nil(t, export.SnapshotAge)
		require.Nil(t, export.LeaseUntil)
		require.Equal(t, time.Hour, export.ExpiresAt.Sub(*export.FinishedAt))
		files, err := f.reader.Files(t.Context(), export.ID, "", 10)
		require.NoError(t, err)
		require.Equal(t, []overview.File{{
			Path: "part.0001.ndjson.gz", Kind: jobs.Output, Type: "Patient", Resources: 7, PlainBytes: 100, StoredBytes: 30, SHA256: "abcd",
		}}, files)
		files, err = f.reader.Files(t.Context(), export.ID, files[0].Path, 10)
		require.NoError(t, err)
		require.Empty(t, files)
	})

	t.Run("Failed", func(t *testing.T) {
		export := show(jobs.Failed)
		require.Equal(t, "the table is gone", export.Failure)
		require.Equal(t, []string{"1 type: Patient"}, export.Request.Words()) // the rest is forgotten
	})
	show(jobs.Cancelled)
	show(jobs.Expired)

	_, err := f.reader.Show(t.Context(), uuid.New())
	require.ErrorIs(t, err, jobs.ErrNotFound)
}

// A restart begins a new snapshot and is no progress before the new plan.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.start(t, "a", jobs.Request{Types: []string{"Patient"}}, 100)
	before, err := f.reader.Show(t.Context(), id)
	require.NoError(t, err)
	export, err := f.store.Begin(t.Context(), id)
	require.NoError(t, err)
	after, err := f.reader.Show(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 1, after.Restarts)
	require.Equal(t, before.StartedAt, after.StartedAt)
	require.True(t, after.SnapshotAt.After(*before.SnapshotAt))
	require.Equal(t, before.ProgressAt, after.ProgressAt)
	require.Nil(t, after.Rate)

	// While it is planned, a renewal is progress, but not while it waits.
	require.NoError(t, f.store.Renew(t.Context(), export))
	planning, err := f.reader.Show(t.Context(), id)
	require.NoError(t, err)
	require.True(t, planning.ProgressAt.After(*after.ProgressAt))
	f.exec(t, `UPDATE sluice.export SET waiting_since = now(), waiting_reason = 'no source'`)
	require.NoError(t, f.store.Renew(t.Context(), export))
	waiting, err := f.reader.Show(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, planning.ProgressAt, waiting.ProgressAt)
}

// A process of the version before 00004_progress.sql leaves its columns as they are.
func TestOlderProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.start(t, "a", jobs.Request{Types: []string{"Patient"}}, 100, 200)
	f.exec(t, `UPDATE sluice.export SET started_at = NULL, snapshot_at = NULL, planned_at = NULL, progress_at = NULL, lease_until = now() - interval '1 hour'`)

	totals, err := f.reader.Exports(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(-time.Hour-jobs.LeaseTime), *totals.LeastProgress, patience)
	f.exec(t, `UPDATE sluice.part SET state = 'running', attempt = 1, lease_until = now() + interval '20 s' WHERE number = 1`)
	totals, err = f.reader.Exports(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), *totals.LeastProgress, patience)

	export, err := f.reader.Show(t.Context(), id)
	require.NoError(t, err)
	require.Nil(t, export.Rate)
	require.Nil(t, export.SnapshotAge)

	f.exec(t, `UPDATE sluice.export SET bytes_stored = 100, state = 'failed', finished_at = now() - interval '1 day'`)
	stored, err := f.reader.Stored(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, stored.Overdue, "data that is overdue is not shown")
}

func TestTotals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)

	totals, err := f.reader.Exports(t.Context())
	require.NoError(t, err)
	require.Equal(t, overview.Exports{}, totals)

	ids := everyState(t, f)
	totals, err = f.reader.Exports(t.Context())
	require.NoError(t, err)
	running, err := f.reader.Show(t.Context(), ids[jobs.Running])
	require.NoError(t, err)
	accepted, err := f.reader.Show(t.Context(), ids[jobs.Accepted])
	require.NoError(t, err)
	completed, err := f.reader.Show(t.Context(), ids[jobs.Completed])
	require.NoError(t, err)
	require.Equal(t, overview.Exports{
		Accepted: 1, Running: 1, Completed: 1,
		OldestAccepted: &accepted.CreatedAt, OldestRunning: &running.CreatedAt, OldestCompleted: &completed.CreatedAt,
		LeastProgress: running.ProgressAt,
		PartsRunnable: 3, // two parts and the accepted export
		PartsLeft:     2,
		BytesLeft:     650,
	}, totals)

	stored, err := f.reader.Stored(t.Context())
	require.NoError(t, err)
	require.Equal(t, overview.Stored{Files: 5, Bytes: 150}, stored, "2 running, 1 completed, 1 expired and 1 cancelled")
	f.exec(t, `UPDATE sluice.export SET finished_at = finished_at - interval '1 day', expires_at = expires_at - interval '1 day'`)
	stored, err = f.reader.Stored(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, stored.Overdue)
	require.NoError(t, f.store.MarkObjectsDeleted(t.Context(), ids[jobs.Cancelled]))
	stored, err = f.reader.Stored(t.Context())
	require.NoError(t, err)
	require.Equal(t, overview.Stored{Files: 4, Bytes: 120, Overdue: 2}, stored)

	clients, err := f.reader.Clients(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []overview.ClientExports{{"a", jobs.Accepted, 1}, {"a", jobs.Completed, 1}, {"b", jobs.Running, 1}}, clients)

	queues, err := f.reader.Queues(t.Context())
	require.NoError(t, err)
	counts := map[string]int{}
	for _, queued := range queues {
		counts[queued.Queue+" "+queued.State] = queued.Count
		require.Equal(t, queued.State == "available", queued.Oldest != nil)
	}
	require.Equal(t, 1, counts["sluice_part running"])
	require.Equal(t, 1, counts["sluice_part available"])
	require.Equal(t, 3, counts["sluice_cleanup available"])

	maintenance, err := f.reader.Maintenance(t.Context())
	require.NoError(t, err)
	require.Equal(t, overview.Maintenance{}, maintenance)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.exec(t, `
		INSERT INTO sluice.river_job (kind, state, finalized_at, max_attempts, args, queue)
		SELECT kind, state::sluice.river_job_state, $1::timestamptz + seconds * interval '1 s', 1, '{}', 'sluice_cleanup'
		FROM (VALUES ('sluice_expire', 'completed', 0), ('sluice_expire', 'completed', -60), ('sluice_expire', 'discarded', 60), ('sluice_cleanup', 'completed', 1)) AS v (kind, state, seconds)`, at)
	maintenance, err = f.reader.Maintenance(t.Context())
	require.NoError(t, err)
	require.True(t, at.Equal(*maintenance.Expire))
	require.Nil(t, maintenance.Sweep)
	require.True(t, at.Add(time.Second).Equal(*maintenance.Cleanup))
}

// A part makes progress when bytes are read, not when it is taken or its lease renewed.
func TestPartProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.start(t, "a", jobs.Request{Types: []string{"Patient"}}, 100, 100)
	progress := func() time.Time {
		t.Helper()
		export, err := f.reader.Show(t.Context(), id)
		require.NoError(t, err)
		return *export.ProgressAt
	}
	planned := progress()
	args := jobs.PartArgs{ExportID: id, Generation: 1, Number: 1}
	for range 2 {
		part, err := f.store.TakePart(t.Context(), args)
		require.NoError(t, err)
		require.NoError(t, f.store.RenewPart(t.Context(), part, 0, false))
		require.Equal(t, planned, progress())
	}
	part, err := f.store.TakePart(t.Context(), args)
	require.NoError(t, err)
	require.NoError(t, f.store.RenewPart(t.Context(), part, 10, true))
	moved := progress()
	require.True(t, moved.After(planned))
	_, err = f.store.TakePart(t.Context(), args)
	require.NoError(t, err)
	require.Equal(t, moved, progress())
}
