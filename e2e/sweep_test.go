package e2e

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// Files of exports that the state database does not have are found and removed, and
// nothing else.
func TestSweepCommand(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	bucket, err := storage.Open(storage.Config{URL: j.bucket})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	core, name, prefix := storagetest.Direct(t, j.bucket)

	const lost, onlyUpload, known = "0d3fb5e1-7a3c-4b52-9b53-1f4f6a4f5a01", "0d3fb5e1-7a3c-4b52-9b53-1f4f6a4f5a02", "0d3fb5e1-7a3c-4b52-9b53-1f4f6a4f5a03"
	kept := []string{
		"0D3FB5E1-7A3C-4B52-9B53-1F4F6A4F5A01/Patient.0001.ndjson.gz", "0d3fb5e1-7a3c-1b52-9b53-1f4f6a4f5a01/Patient.0001.ndjson.gz",
		known + "/Patient.0001.ndjson.gz", "0d3fb5e1-7a3c-4b52-9b53-1f4f6a4f5a04", "audit/2026/" + lost + "/event.json", "mine/" + lost + "/x",
	}
	for _, key := range append([]string{lost + "/Patient.0001.ndjson.gz", lost + "/deleted/Patient.0001.ndjson.gz", lost + "/manifest.json"}, kept...) {
		_, err := bucket.Upload(t.Context(), key, strings.NewReader("12345"))
		require.NoError(t, err)
	}
	for _, folder := range []string{lost, onlyUpload, known, "audit"} {
		_, err := core.NewMultipartUpload(t.Context(), name, prefix+folder+"/Observation.0001.ndjson.gz", minio.PutObjectOptions{})
		require.NoError(t, err)
	}
	// What is above the prefix belongs to others.
	_, err = core.PutObject(t.Context(), name, lost+"/Patient.0001.ndjson.gz", strings.NewReader("x"), 1, "", "", minio.PutObjectOptions{})
	require.NoError(t, err)
	keys := func() (keys []string) {
		for object, err := range bucket.List(t.Context(), "") {
			require.NoError(t, err)
			keys = append(keys, object.Key)
		}
		return keys
	}
	all := keys()
	sweep := func(code int, args ...string) string {
		stdout, stderr := j.sluice(code, append([]string{"sweep", "--s3-url=" + j.bucket}, args...)...)
		return stdout + stderr
	}

	require.Contains(t, sweep(cli.ExitFailed, "--older-than=0s"), "the state database records no bucket")
	j.sluice(cli.ExitOK, "location", "record", "--s3-url="+storagetest.Bucket(t))
	require.Contains(t, sweep(cli.ExitFailed, "--older-than=0s"), "prefix: recorded")
	j.sluice(cli.ExitOK, "location", "record", "--s3-url="+j.bucket)
	sourcetest.Execute(t, j.database, `INSERT INTO sluice.export (id, client_id, request, state, job_id) VALUES ('`+known+`', 'a', '{}', 'running', 0)`)
	require.Equal(t, "to remove (dry run): 0 exports, 0 files, 0 unfinished uploads, 0 B (0 bytes)\n"+
		"Folders with changes in the last 24h0m0s are kept (--older-than).\n", sweep(cli.ExitOK, "--dry-run"), "they are young")
	found := sweep(cli.ExitOK, "--dry-run", "--older-than=0s")
	require.Contains(t, found, "to remove (dry run): 2 exports, 3 files, 2 unfinished uploads, 15 B (15 bytes)\n")
	require.Contains(t, found, lost)
	require.Equal(t, all, keys(), "a dry run removes nothing")

	require.Contains(t, sweep(cli.ExitOK, "--older-than=0s"), "removed: 2 exports, 3 files, 2 unfinished uploads, 15 B (15 bytes)\n")
	require.ElementsMatch(t, kept, keys())
	listed, err := core.ListMultipartUploads(t.Context(), name, "", "", "", "", 1000)
	require.NoError(t, err)
	var uploads []string
	for _, upload := range listed.Uploads {
		if folder, in := strings.CutPrefix(upload.Key, prefix); in {
			uploads = append(uploads, strings.Split(folder, "/")[0])
		}
	}
	require.ElementsMatch(t, []string{known, "audit"}, uploads)
	require.Contains(t, sweep(cli.ExitOK, "--older-than=0s"), "removed: 0 exports")
}
