package worker_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Exports that wait for their parts do not use up the connections to the state
// database.
func TestMoreExportsThanConnections(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{databaseConns: 3, slots: 2})
	var ids []uuid.UUID
	for range 8 {
		ids = append(ids, f.accept(t, jobs.Request{}))
	}
	for _, id := range ids {
		export := f.await(t, id, jobs.Completed)
		require.Len(t, f.keys(t, export.ID), 3)
	}
}
