package worker_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// damage changes an object that the store has just completed.
type damage func(t *testing.T, core minio.Core, bucket, name string)

// lose removes the object.
func lose(t *testing.T, core minio.Core, bucket, name string) {
	t.Helper()
	require.NoError(t, core.RemoveObject(t.Context(), bucket, name, minio.RemoveObjectOptions{}))
}

// replace stores other content of the same size.
func replace(t *testing.T, core minio.Core, bucket, name string) {
	t.Helper()
	info, err := core.StatObject(t.Context(), bucket, name, minio.StatObjectOptions{})
	require.NoError(t, err)
	other := bytes.Repeat([]byte("x"), int(info.Size))
	_, err = core.PutObject(t.Context(), bucket, name, bytes.NewReader(other), info.Size, "", "", minio.PutObjectOptions{})
	require.NoError(t, err)
}

// truncate keeps the first half of the object.
func truncate(t *testing.T, core minio.Core, bucket, name string) {
	t.Helper()
	body, info, _, err := core.GetObject(t.Context(), bucket, name, minio.GetObjectOptions{})
	require.NoError(t, err)
	defer func() { _ = body.Close() }()
	half, err := io.ReadAll(io.LimitReader(body, info.Size/2))
	require.NoError(t, err)
	_, err = core.PutObject(t.Context(), bucket, name, bytes.NewReader(half), int64(len(half)), "", "", minio.PutObjectOptions{})
	require.NoError(t, err)
}

// completions starts a proxy for the store and returns the URL of the bucket through
// it. The proxy calls seen with the response to each successful
// CompleteMultipartUpload, and with the name of the object, before the worker receives
// it.
func (f *fixture) completions(t *testing.T, seen func(name string, response *http.Response)) string {
	t.Helper()
	u, err := url.Parse(f.bucketURL)
	require.NoError(t, err)
	_, bucket, _ := storagetest.Direct(t, f.bucketURL)
	target := &url.URL{Scheme: u.Scheme, Host: u.Host}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
			r.Out = r.Out.WithContext(context.WithoutCancel(r.Out.Context()))
		},
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		ModifyResponse: func(response *http.Response) error {
			request := response.Request
			if request.Method == http.MethodPost && request.URL.Query().Has("uploadId") && response.StatusCode == http.StatusOK {
				seen(strings.TrimPrefix(request.URL.Path, "/"+bucket+"/"), response)
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	u.Host = proxy.Listener.Addr().String()
	return u.String()
}

// damaging is completions for a store that damages the objects for which wanted returns
// true. Files are completed at the same time; wanted is called for one after the other.
func (f *fixture) damaging(t *testing.T, inflict damage, wanted func(name string) bool) string {
	t.Helper()
	core, bucket, _ := storagetest.Direct(t, f.bucketURL)
	var mu sync.Mutex
	return f.completions(t, func(name string, _ *http.Response) {
		mu.Lock()
		defer mu.Unlock()
		if wanted(name) {
			inflict(t, core, bucket, name)
		}
	})
}

// once returns a condition that holds for the first completion of each file.
func once() func(name string) bool {
	seen := map[string]bool{}
	return func(name string) bool {
		first := !seen[name] && strings.HasSuffix(name, ".ndjson.gz")
		seen[name] = true
		return first
	}
}

// The store confirms a file, and then does not have it or has other content. The client
// still gets what the snapshot shows.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for name, inflict := range map[string]damage{"Lost": lose, "Replaced": replace, "Truncated": truncate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			first := once()
			bucketURL := f.damaging(t, inflict, func(name string) bool { return strings.Contains(name, "Patient") && first(name) })
			log := &logBuffer{}
			f.start(t, options{bucketURL: bucketURL, partBytes: 3 * 8192, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil))})
			id := f.accept(t, jobs.Request{})
			export := f.await(t, id, jobs.Completed)

			f.requireWhole(t, export)
			require.Equal(t, 1, export.Generation, "the files were read again from the same snapshot")
			require.Equal(t, export.BytesPlanned, export.BytesRead)
			require.Equal(t, 1, strings.Count(log.String(), "object store lost or changed files"), log)
			require.Contains(t, log.String(), "Patient.0001.ndjson.gz")
			require.NotContains(t, log.String(), "Encounter.0001.ndjson.gz")
		})
	}
}

// Parts of patient blocks find their index when they are read again.
func TestDamagedBlocks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+crowdedWards)
	f.start(t, options{bucketURL: f.damaging(t, lose, once()), slots: 2})
	id := f.organized(t, jobs.Request{Types: []string{"Observation", "Patient"}})
	f.requireCrowd(t, id)
}

// A store that damages a file every time makes the export fail.
func TestFilesDamagedAgainAndAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	bucketURL := f.damaging(t, lose, func(name string) bool { return strings.HasSuffix(name, "Encounter.0001.ndjson.gz") })
	f.start(t, options{bucketURL: bucketURL, partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "the object store lost or changed files of the export", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// A file is lost after the snapshot was released: the export restarts from another.
func TestFileLostWithoutSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.loseLate(t, jobs.Request{})
	export := f.await(t, id, jobs.Completed)
	f.requireWhole(t, export)
	require.Equal(t, 2, export.Generation)
}

// The same, but the client has seen the file: data of the old snapshot must not be
// mixed with data of the new one.
func TestShownFileLostWithoutSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.loseLate(t, jobs.Request{PartialManifests: true})
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the object store lost or changed files of the export", export.Failure)
	f.requireNothing(t, id)
}

// loseLate kicks off an export that loses a file after all of it was read and the
// snapshot was released. If the request allows partial manifests, the first is read
// before that.
func (f *fixture) loseLate(t *testing.T, request jobs.Request) uuid.UUID {
	t.Helper()
	f.exec(t, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not now''; END';
		CREATE TRIGGER refuse BEFORE UPDATE ON sluice.export FOR EACH ROW WHEN (new.state = 'completed') EXECUTE FUNCTION refuse()`)
	f.start(t, options{partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, request)
	f.eventually(t, "the export could not be completed", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_export' AND errors IS NOT NULL`) == 1
	})
	if request.PartialManifests {
		export, err := f.store.Get(t.Context(), id)
		require.NoError(t, err)
		_, _, err = f.store.Page(t.Context(), export, 1)
		require.NoError(t, err)
	}
	core, bucket, prefix := storagetest.Direct(t, f.bucketURL)
	lose(t, core, bucket, prefix+id.String()+"/Patient.0001.ndjson.gz")
	f.exec(t, `DROP TRIGGER refuse ON sluice.export`)
	return id
}

// A lost manifest is written again.
func TestManifestLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	lost := false
	bucketURL := f.damaging(t, lose, func(name string) bool {
		if lost || !strings.HasSuffix(name, manifest.Name) {
			return false
		}
		lost = true
		return true
	})
	f.start(t, options{bucketURL: bucketURL})
	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.Len(t, f.manifest(t, id).Output, 2)
}

// A store may return another ETag than it lists. Its content is right, and nothing is
// read again.
func TestOtherETags(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	bucketURL := f.completions(t, func(_ string, response *http.Response) {
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "<ETag>")
		body = bytes.Replace(body, []byte("<ETag>"), []byte("<ETag>other"), 1)
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		response.Header.Del("Content-Length")
	})
	f.start(t, options{bucketURL: bucketURL, partBytes: 3 * 8192})
	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	f.requireNoRetry(t)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part WHERE attempt > 1`))
}
