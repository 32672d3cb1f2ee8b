package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Revocation can cancel all exports of a client, expiry cancels the unfinished ones.
func TestCancelOfClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	completed := f.completed(t, time.Hour)
	accepted := f.accept(t)
	other, err := f.store.Accept(t.Context(), "another", jobs.Request{Types: []string{"Patient"}})
	require.NoError(t, err)

	count, err := f.store.CancelUnfinished(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.Equal(t, jobs.Cancelled, f.get(t, accepted).State)
	require.Equal(t, jobs.Completed, f.get(t, completed.ID).State)

	count, err = f.store.CancelAll(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.Equal(t, jobs.Cancelled, f.get(t, completed.ID).State)
	require.Equal(t, 1, f.cleanups(t, completed.ID))
	require.Equal(t, jobs.Accepted, f.get(t, other).State)
}

// The exports of an expired client are cancelled, but not those of a client that expires
// later or is unknown.
func TestCancelExpired(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	_, err := f.db.Exec(t.Context(), `INSERT INTO sluice.client (id, scopes, expires_at) VALUES
		($1, '{system/*.rs}', now()), ('later', '{system/*.rs}', now() + interval '1 hour'), ('never', '{system/*.rs}', NULL)`, client)
	require.NoError(t, err)
	completed := f.completed(t, time.Hour)
	gone := f.accept(t)
	for _, id := range []string{"later", "never", "unknown"} {
		_, err := f.store.Accept(t.Context(), id, jobs.Request{Types: []string{"Patient"}})
		require.NoError(t, err)
	}
	count, err := f.store.CancelExpired(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.Equal(t, jobs.Cancelled, f.get(t, gone).State)
	require.Equal(t, jobs.Completed, f.get(t, completed.ID).State)
	require.Equal(t, 3, f.count(t, `SELECT count(*) FROM sluice.export WHERE state = 'accepted'`))
}
