package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A completed export is swept for the sake of its uploads, and once more when
// its objects have expired.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.completed(t, time.Millisecond)
	age := func() {
		_, err := f.db.Exec(t.Context(), `UPDATE sluice.export SET finished_at = now() - interval '2 hours'`)
		require.NoError(t, err)
	}
	one := func(completed bool) {
		t.Helper()
		leftovers, err := f.store.Leftovers(t.Context())
		require.NoError(t, err)
		require.Len(t, leftovers, 1)
		require.Equal(t, export.ID, leftovers[0].ID)
		require.Equal(t, completed, leftovers[0].Completed)
	}
	none := func() {
		t.Helper()
		leftovers, err := f.store.Leftovers(t.Context())
		require.NoError(t, err)
		require.Empty(t, leftovers)
	}

	none()
	age()
	one(true)
	before, err := f.store.Leftovers(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.store.Swept(t.Context(), before[0]))
	none()

	require.NoError(t, f.store.Expire(t.Context()))
	one(false)
	require.NoError(t, f.store.Swept(t.Context(), before[0]), "that was before it expired")
	one(false)
	now, err := f.store.Leftovers(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.store.Swept(t.Context(), now[0]))
	none()
}
