package worker_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// leave puts into the bucket what a crash can leave there of an export: an
// object and an unfinished upload.
func (f *fixture) leave(t *testing.T, id uuid.UUID) {
	t.Helper()
	_, err := f.bucket.Upload(t.Context(), id.String()+"/Patient.0001.ndjson.gz", strings.NewReader("object"))
	require.NoError(t, err)

	core, bucket, prefix := f.direct(t)
	key := prefix + id.String() + "/Patient.0002.ndjson.gz"
	upload, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
	require.NoError(t, err)
	_, err = core.PutObjectPart(t.Context(), bucket, key, upload, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
	require.NoError(t, err)
}

// left tells what is in the bucket of an export.
func (f *fixture) left(t *testing.T, id uuid.UUID) (objects, uploads int) {
	t.Helper()
	core, bucket, prefix := f.direct(t)
	found, err := core.ListMultipartUploads(t.Context(), bucket, "", "", "", "", 1000)
	require.NoError(t, err)
	for _, upload := range found.Uploads {
		if strings.HasPrefix(upload.Key, prefix+id.String()+"/") {
			uploads++
		}
	}
	return len(f.keys(t, id)), uploads
}

// ended writes down an export in the state, which it has been in for some time.
func (f *fixture) ended(t *testing.T, state jobs.State, since string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	f.exec(t, `INSERT INTO sluice.export (id, client_id, request, state, job_id, finished_at, expires_at)
		VALUES ($1, $2, '{}', $3, 0, now() - $4::interval, now() + interval '1 day')`, id, client, state, since)
	return id
}

// sweep returns when a worker has swept.
func (f *fixture) sweep(t *testing.T) {
	t.Helper()
	f.exec(t, `DELETE FROM river_job WHERE kind = 'sweep'`) // it was due an hour ago
	running := f.start(t, options{})
	f.eventually(t, "it is swept", func() bool {
		return f.count(t, `SELECT count(*) FROM river_job WHERE kind = 'sweep' AND state = 'completed'`) == 1
	})
	running.stop(t)
}

// What nobody wants goes, and nothing else.
func TestSweep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	const long, short = "61 minutes", "59 minutes"
	type bucket struct{ objects, uploads int }
	all, none := bucket{1, 1}, bucket{}

	want := map[uuid.UUID]bucket{
		uuid.New():                      all, // another's
		f.ended(t, jobs.Failed, short):  all, // its workers may not know yet
		f.ended(t, jobs.Failed, long):   none,
		f.ended(t, jobs.Expired, long):  none,
		f.ended(t, jobs.Running, long):  all,
		f.ended(t, jobs.Accepted, long): all,
	}
	cancelled, completed := f.ended(t, jobs.Cancelled, long), f.ended(t, jobs.Completed, long)
	want[cancelled], want[completed] = none, bucket{objects: 1}
	for id := range want {
		f.leave(t, id)
	}
	f.exec(t, `UPDATE sluice.export SET finished_at = NULL WHERE state IN ('running', 'accepted')`)
	f.sweep(t)
	for id, want := range want {
		objects, uploads := f.left(t, id)
		require.Equal(t, want, bucket{objects, uploads}, id)
	}

	// Once is enough, until it ends in another way.
	f.leave(t, cancelled)
	require.NoError(t, f.store.Cancel(t.Context(), completed, client))
	f.exec(t, `DELETE FROM river_job WHERE kind = 'cleanup'; UPDATE sluice.export SET finished_at = finished_at - interval '2 hours'`)
	f.leave(t, completed)
	f.sweep(t)
	objects, uploads := f.left(t, cancelled)
	require.Equal(t, all, bucket{objects, uploads})
	objects, uploads = f.left(t, completed)
	require.Equal(t, none, bucket{objects, uploads})
}
