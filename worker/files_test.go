package worker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// keys returns the names of the export's objects, below its id.
func (f *fixture) keys(t *testing.T, id uuid.UUID) []string {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	prefix += id.String() + "/"
	keys := []string{}
	for object := range core.Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		require.NoError(t, object.Err)
		keys = append(keys, strings.TrimPrefix(object.Key, prefix))
	}
	return keys
}

// object returns the stored bytes of one object.
func (f *fixture) object(t *testing.T, key string) []byte {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	body, _, _, err := core.GetObject(t.Context(), bucket, prefix+key, minio.GetObjectOptions{})
	require.NoError(t, err)
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	return content
}

// uploads counts the unfinished uploads under the fixture's prefix.
func (f *fixture) uploads(t *testing.T) int {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	// Not by prefix: some stores take it for a whole key.
	found, err := core.ListMultipartUploads(t.Context(), bucket, "", "", "", "", 1000)
	require.NoError(t, err)
	require.False(t, found.IsTruncated)
	return len(slices.DeleteFunc(found.Uploads, func(upload minio.ObjectMultipartInfo) bool {
		return !strings.HasPrefix(upload.Key, prefix)
	}))
}

// lines returns the lines of all of the export's files of the type, sorted.
func (f *fixture) lines(t *testing.T, id uuid.UUID, resourceType string) []string {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	var all []string
	for _, file := range files.Output {
		if file.ResourceType == resourceType {
			all = append(all, unzip(t, f.object(t, file.ObjectKey))...)
		}
	}
	slices.Sort(all)
	return all
}

// unzip returns the lines of a file, none of an empty one.
func unzip(t *testing.T, content []byte) []string {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	if len(text) == 0 {
		return nil
	}
	require.True(t, bytes.HasSuffix(text, []byte("\n")), "a file ends with a whole line")
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// manifestDocument is a manifest as the specification describes it.
type manifestDocument struct {
	TransactionTime     string           `json:"transactionTime"`
	Request             string           `json:"request"`
	RequiresAccessToken bool             `json:"requiresAccessToken"`
	OutputFormat        string           `json:"outputFormat"`
	Output              []manifest.Entry `json:"output"`
	Deleted             []manifest.Entry `json:"deleted"`
	Error               []manifest.Entry `json:"error"`
}

// manifest reads the bucket's copy of the manifest.
func (f *fixture) manifest(t *testing.T, id uuid.UUID) (m manifestDocument) {
	t.Helper()
	require.NoError(t, json.Unmarshal(f.object(t, id.String()+"/manifest.json"), &m))
	return m
}

// requireNothing waits for the cleanup of the export and fails unless it leaves nothing
// behind: no object, no unfinished upload, no session in the source.
func (f *fixture) requireNothing(t *testing.T, id uuid.UUID) {
	t.Helper()
	f.eventually(t, "it is cleaned up", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE args->>'export_id' = $1
			AND kind = 'sluice_cleanup' AND state = 'completed'`, id.String()) == 1
	})
	f.awaitNoSessions(t)
	require.Empty(t, f.keys(t, id))
	require.Zero(t, f.uploads(t))
}

// An unfinished upload of a killed process is deleted when its export completes.
func TestUploadOfKilledProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	_, err := core.NewMultipartUpload(t.Context(), bucket, prefix+id.String()+"/Patient.0001.ndjson.gz", minio.PutObjectOptions{})
	require.NoError(t, err)
	require.NotZero(t, f.uploads(t))
	open()
	f.requireWhole(t, f.await(t, id, jobs.Completed))
}
