package jobs_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs"
)

// With ReuseRunning, an identical kick-off of the same client returns the running export
// until that has ended.
func TestReuseRunning(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	store, err := jobs.New(f.db, jobs.Config{MaxExportsPerClient: 3, ReuseRunning: true})
	require.NoError(t, err)
	accept := func(clientID string, request jobs.Request) uuid.UUID {
		id, err := store.Accept(t.Context(), clientID, request)
		require.NoError(t, err)
		return id
	}
	patients := jobs.Request{URL: "https://fhir.example.org/fhir/$export", Types: []string{"Patient"}, FHIR: true}

	var group errgroup.Group
	ids := make([]uuid.UUID, 8)
	for i := range ids {
		group.Go(func() (err error) {
			ids[i], err = store.Accept(t.Context(), "a", patients)
			return err
		})
	}
	require.NoError(t, group.Wait())
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.export`))
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job`))

	require.NotEqual(t, ids[0], accept("b", patients), "another's")
	groups := patients
	groups.Types = []string{"Group"}
	require.NotEqual(t, ids[0], accept("a", groups))

	_, err = f.db.Exec(t.Context(), `UPDATE sluice.export SET state = 'running'`)
	require.NoError(t, err)
	require.Equal(t, ids[0], accept("a", patients))
	require.NoError(t, store.Fail(t.Context(), ids[0], "it had to"))
	require.NotEqual(t, ids[0], accept("a", patients))
}
