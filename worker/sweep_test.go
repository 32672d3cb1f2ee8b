package worker_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// leave creates what a crash can leave of an export: an object and an unfinished
// upload.
func (f *fixture) leave(t *testing.T, id uuid.UUID) {
	t.Helper()
	_, err := f.bucket.Upload(t.Context(), id.String()+"/Patient.0001.ndjson.gz", strings.NewReader("object"))
	require.NoError(t, err)

	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	key := prefix + id.String() + "/Patient.0002.ndjson.gz"
	upload, err := core.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
	require.NoError(t, err)
	_, err = core.PutObjectPart(t.Context(), bucket, key, upload, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
	require.NoError(t, err)
}

// remains is what the bucket has of an export.
type remains struct{ objects, uploads int }

func (f *fixture) remains(t *testing.T, id uuid.UUID) (found remains) {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	listed, err := core.ListMultipartUploads(t.Context(), bucket, "", "", "", "", 1000)
	require.NoError(t, err)
	for _, upload := range listed.Uploads {
		if strings.HasPrefix(upload.Key, prefix+id.String()+"/") {
			found.uploads++
		}
	}
	found.objects = len(f.keys(t, id))
	return found
}

// ended inserts an export that has been in the state for a while.
func (f *fixture) ended(t *testing.T, state jobs.State, since string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	f.exec(t, `INSERT INTO sluice.export (id, client_id, request, state, job_id, finished_at, expires_at)
		VALUES ($1, $2, '{}', $3, 0, now() - $4::interval, now() + interval '1 day')`, id, client, state, since)
	return id
}

// sweep runs a worker until it has swept.
func (f *fixture) sweep(t *testing.T) {
	t.Helper()
	f.exec(t, `DELETE FROM sluice.river_job WHERE kind = 'sluice_sweep'`) // it was due an hour ago
	running := f.start(t, options{})
	f.eventually(t, "it is swept", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_sweep' AND state = 'completed'`) == 1
	})
	running.stop(t)
}

// The sweep deletes the remains of exports that have ended, and nothing else.
func TestSweep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	const long, short = "61 minutes", "59 minutes"
	all, none := remains{objects: 1, uploads: 1}, remains{}

	want := map[uuid.UUID]remains{
		uuid.New():                      all, // another's
		f.ended(t, jobs.Failed, short):  all, // its workers may not know yet
		f.ended(t, jobs.Failed, long):   none,
		f.ended(t, jobs.Expired, long):  none,
		f.ended(t, jobs.Running, long):  all,
		f.ended(t, jobs.Accepted, long): all,
	}
	cancelled, completed := f.ended(t, jobs.Cancelled, long), f.ended(t, jobs.Completed, long)
	want[cancelled], want[completed] = none, remains{objects: 1}
	for id := range want {
		f.leave(t, id)
	}
	f.exec(t, `UPDATE sluice.export SET finished_at = NULL WHERE state IN ('running', 'accepted')`)
	f.sweep(t)
	for id, want := range want {
		require.Equal(t, want, f.remains(t, id), id)
	}

	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.export WHERE id = $1`, cancelled), "it is forgotten")
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.export WHERE state IN ('failed', 'expired') AND (objects_deleted_at IS NULL) <> (swept_at IS NULL)`))

	// An export is swept once, until it ends in another way.
	f.leave(t, cancelled)
	require.NoError(t, f.store.Cancel(t.Context(), completed, client))
	f.exec(t, `DELETE FROM sluice.river_job WHERE kind = 'sluice_cleanup'; UPDATE sluice.export SET finished_at = finished_at - interval '2 hours'`)
	f.leave(t, completed)
	f.sweep(t)
	require.Equal(t, all, f.remains(t, cancelled))
	require.Equal(t, none, f.remains(t, completed))
}
