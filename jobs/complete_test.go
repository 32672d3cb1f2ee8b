package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A file that belongs to no part is inserted when the export completes, counts as
// stored, and is deleted with the others.
func TestCompleteWithFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.readAll(t, f.started(t, 100))
	key := jobs.WarningsKey(export.ID)
	files := []jobs.File{{Kind: jobs.Outcome, ResourceType: "OperationOutcome", ObjectKey: key, Resources: 2, Bytes: 30, SHA256: []byte("hash")}}
	require.NoError(t, f.store.Complete(t.Context(), export, time.Hour, files, func(_ context.Context, completed jobs.Export) error {
		require.Equal(t, jobs.Completed, completed.State)
		require.Equal(t, time.Hour, completed.ExpiresAt.Sub(*completed.FinishedAt))
		_, err := f.store.File(t.Context(), export.ID, key)
		require.ErrorIs(t, err, jobs.ErrNotFound)
		files[0].ETag = "etag"
		return nil
	}))

	file, err := f.store.File(t.Context(), export.ID, key)
	require.NoError(t, err)
	require.Equal(t, files[0], file)
	all, err := f.store.Files(t.Context(), export.ID)
	require.NoError(t, err)
	require.Len(t, all.Output, 1)
	require.Equal(t, files, all.Outcomes)
	require.Equal(t, 30, f.count(t, `SELECT bytes_stored FROM sluice.export`))
	require.Equal(t, 2, f.count(t, `SELECT files_stored FROM sluice.export`))

	page, more, err := f.store.Page(t.Context(), f.get(t, export.ID), 1)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, all, page)

	require.NoError(t, f.store.Cancel(t.Context(), export.ID, client))
	require.NoError(t, f.store.MarkObjectsDeleted(t.Context(), export.ID))
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.file`))
}
