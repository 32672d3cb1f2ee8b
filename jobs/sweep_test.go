package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A completed export is swept because of its uploads, and again after its objects have
// expired.
func TestUnswept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.completed(t, time.Millisecond)
	age := func() {
		_, err := f.db.Exec(t.Context(), `UPDATE sluice.export SET finished_at = now() - interval '2 hours'`)
		require.NoError(t, err)
	}
	one := func(completed bool) {
		t.Helper()
		unswept, err := f.store.Unswept(t.Context())
		require.NoError(t, err)
		require.Len(t, unswept, 1)
		require.Equal(t, export.ID, unswept[0].ID)
		require.Equal(t, completed, unswept[0].State == jobs.Completed)
	}
	none := func() {
		t.Helper()
		unswept, err := f.store.Unswept(t.Context())
		require.NoError(t, err)
		require.Empty(t, unswept)
	}

	none()
	age()
	one(true)
	before, err := f.store.Unswept(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.store.MarkSwept(t.Context(), before[0]))
	none()

	require.NoError(t, f.store.Expire(t.Context()))
	one(false)
	require.NoError(t, f.store.MarkSwept(t.Context(), before[0]), "that was before it expired")
	one(false)
	now, err := f.store.Unswept(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.store.MarkSwept(t.Context(), now[0]))
	none()
}

// Only exports that ended long ago and were swept since are deleted.
func TestDeleteOld(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.completed(t, time.Millisecond)
	deleteOld := func(want int64) {
		t.Helper()
		count, err := f.store.DeleteOld(t.Context(), time.Hour)
		require.NoError(t, err)
		require.Equal(t, want, count)
	}
	exec := func(sql string) {
		t.Helper()
		_, err := f.db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec(`UPDATE sluice.export SET finished_at = now() - interval '3 hours'`)
	deleteOld(0) // its files are there
	require.NoError(t, f.store.Expire(t.Context()))
	exec(`UPDATE sluice.export SET expires_at = now() - interval '2 hours'`)
	deleteOld(0) // it was not swept
	unswept, err := f.store.Unswept(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.store.MarkSwept(t.Context(), unswept[0]))
	exec(`UPDATE sluice.export SET expires_at = now() - interval '30 minutes'`)
	deleteOld(0) // its files were there until just now
	exec(`UPDATE sluice.export SET expires_at = now() - interval '2 hours'`)
	deleteOld(1)

	_, err = f.store.Get(t.Context(), export.ID)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`)+f.count(t, `SELECT count(*) FROM sluice.file`))
}
