package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs"
)

// same returns n equal sizes.
func same(n int) []int64 { return make([]int64, n) }

// queued returns the number of in-flight parts of the export.
func (f *fixture) queued(t *testing.T, id uuid.UUID) int {
	t.Helper()
	return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND args->>'export_id' = $1 AND finalized_at IS NULL`, id.String())
}

// workOff completes the attempt's part.
func (f *fixture) workOff(t *testing.T, a *attempt) {
	t.Helper()
	part := f.hold(t, a.job.Args)
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, wrote(part, 1), nothing))
	a.end(nil)
}

// A small export that starts after a large one ends after the window of the large one,
// not after all its parts.
func TestSmallDuringLarge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	large := f.started(t, same(100)...)
	f.workOff(t, f.take(t)) // it has started
	small := f.started(t, same(3)...)

	taken := 0
	for ; !f.get(t, small.ID).AllPartsDone(); taken++ {
		f.workOff(t, f.take(t))
	}
	require.LessOrEqual(t, taken, jobs.DefaultWindow+2*3, "then they alternate")
	for range large.PartsTotal + small.PartsTotal - 1 - taken {
		f.workOff(t, f.take(t))
	}
	require.True(t, f.get(t, large.ID).AllPartsDone())
}

// A plan of any size keeps the queue short and completes.
func TestWindow(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4)
	const parts = 3*jobs.DefaultWindow + 1
	export := f.started(t, same(parts)...)
	require.Equal(t, jobs.DefaultWindow, f.queued(t, export.ID))

	var group errgroup.Group
	for range parts {
		a := f.take(t)
		require.LessOrEqual(t, f.queued(t, export.ID), jobs.DefaultWindow)
		group.Go(func() error {
			part, err := f.store.TakePart(t.Context(), a.job.Args)
			if err == nil {
				err = f.store.CompletePart(a.ctx, a.job, part, wrote(part, 1), nothing)
			}
			a.end(err)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.True(t, f.get(t, export.ID).AllPartsDone())
	require.Equal(t, parts, f.count(t, `SELECT count(DISTINCT args->>'number') FROM sluice.river_job WHERE kind = 'sluice_part'`))
	require.Equal(t, parts, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND state = 'completed'`), "each once")
}

// The length of the queue does not depend on the size of the export.
func TestHugePlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	const parts = 100_000
	export, err := f.store.Begin(t.Context(), f.accept(t))
	require.NoError(t, err)
	huge := jobs.Plan{Snapshot: "1-1", TransactionTime: time.Now(), Parts: make([]jobs.PlannedPart, parts)}
	for i := range huge.Parts {
		huge.Parts[i] = jobs.PlannedPart{ResourceType: "Patient", Scan: json.RawMessage(`{}`), ObjectKey: strconv.Itoa(i)}
	}
	began := time.Now()
	require.NoError(t, f.store.Start(t.Context(), export, huge))
	t.Logf("a plan of %d parts written down in %v", parts, time.Since(began).Round(time.Millisecond))
	require.Equal(t, jobs.DefaultWindow, f.queued(t, export.ID))
	require.Equal(t, parts, f.get(t, export.ID).PartsTotal)
	require.NoError(t, f.store.Cancel(t.Context(), export.ID, client))
	require.Zero(t, f.queued(t, export.ID))
}

// A part that completes while another transaction drops the parts, or tries to, does not
// wait for it and loses nothing.
func TestWindowDuringDrop(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	const parts = jobs.DefaultWindow + 2
	export := f.started(t, same(parts)...)
	a := f.take(t)
	part := f.hold(t, a.job.Args)

	// Another transaction has dropped the unqueued parts and drops the taken part
	// last.
	dropping, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = dropping.Rollback(context.Background()) })
	_, err = dropping.Exec(t.Context(), `DELETE FROM sluice.part WHERE job_id IS NULL`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	require.NoError(t, f.store.CompletePart(ctx, a.job, part, nil, nothing))
	a.end(nil)
	require.NoError(t, dropping.Rollback(t.Context()))
	require.Equal(t, jobs.DefaultWindow-1, f.queued(t, export.ID), "there is a gap")

	f.workOff(t, f.take(t))
	require.Equal(t, jobs.DefaultWindow, f.queued(t, export.ID), "closed")
	for range parts - 2 {
		f.workOff(t, f.take(t))
	}
	require.True(t, f.get(t, export.ID).AllPartsDone())
}

// Parts that were never queued are queued although no part is left that could do it.
func TestReclaimFillsGaps(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	export := f.started(t, same(3)...)
	_, err := f.db.Exec(t.Context(), `DELETE FROM sluice.river_job WHERE kind = 'sluice_part'`)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `UPDATE sluice.part SET job_id = NULL`)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `UPDATE sluice.export SET parts_queued = 0`)
	require.NoError(t, err)

	_, err = f.store.Reclaim(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, f.queued(t, export.ID))
	_, err = f.store.Reclaim(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, f.queued(t, export.ID), "once")
}

// A cancellation and the completion of a part at the same time do not deadlock, and no
// part of a cancelled export is queued.
func TestWindowDuringCancel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	for range 20 {
		export := f.started(t, same(2*jobs.DefaultWindow)...)
		a := f.take(t)
		for a.job.Args.ExportID != export.ID { // River is about to cancel it
			a = f.take(t)
		}
		part := f.hold(t, a.job.Args)
		var group errgroup.Group
		group.Go(func() error { return f.store.Cancel(t.Context(), export.ID, client) })
		group.Go(func() error {
			err := f.store.CompletePart(context.WithoutCancel(a.ctx), a.job, part, nil, nothing)
			if errors.Is(err, jobs.ErrStale) {
				err = nil
			}
			a.end(nil)
			return err
		})
		require.NoError(t, group.Wait())
	}
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`))
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND state IN ('available', 'retryable', 'scheduled')`))
}
