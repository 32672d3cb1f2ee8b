package bulk_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// guarded returns a server that serves files itself, and a completed export with one
// file of these lines.
func guarded(t *testing.T, query string, adjust ...func(*api.Config)) (b *testBundle, id uuid.UUID, path, lines string) {
	t.Helper()
	b = setup(t, append(adjust, func(config *api.Config) { config.ProxyFiles = true })...)
	id = b.KickOff(t, "/fhir/$export?_type=Patient"+query).ID
	lines = b.Complete(t, id)
	_, m := b.manifest(t, id)
	require.True(t, *m.RequiresAccessToken)
	require.Len(t, m.Output, 1)
	path, ok := strings.CutPrefix(m.Output[0].URL, b.URL)
	require.True(t, ok, m.Output[0].URL)
	return b, id, path, lines
}

func TestGuardedFile(t *testing.T) {
	t.Parallel()
	b, _, path, lines := guarded(t, "")

	packed := b.Get(t, path, "Accept-Encoding", "gzip")
	require.Equal(t, http.StatusOK, packed.StatusCode, packed.Text)
	require.Equal(t, "application/fhir+ndjson", packed.Header.Get("Content-Type"))
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.Contains(t, packed.Header.Get("Vary"), "Accept-Encoding")
	require.Equal(t, strconv.Itoa(len(packed.Text)), packed.Header.Get("Content-Length"))
	require.Contains(t, packed.Header.Get("Content-Disposition"), "Patient.0001.ndjson")
	require.Equal(t, lines, apitest.Gunzip(t, packed.Text))

	for _, encoding := range []string{"", "identity", "gzip;q=0", "br", "*;q=0"} {
		plain := b.Get(t, path, "Accept-Encoding", encoding)
		require.Equal(t, http.StatusOK, plain.StatusCode)
		require.Empty(t, plain.Header.Get("Content-Encoding"), encoding)
		require.Equal(t, lines, plain.Text)
		require.NotEqual(t, packed.Header.Get("ETag"), plain.Header.Get("ETag"))
	}

	head := b.Do(t, b.Request(t, http.MethodHead, path, "Accept-Encoding", "gzip"))
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Empty(t, head.Text)
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "ETag", "Accept-Ranges"} {
		require.Equal(t, packed.Header.Get(name), head.Header.Get(name), name)
	}
	head = b.Do(t, b.Request(t, http.MethodHead, path))
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Empty(t, head.Header.Get("Content-Encoding"))
}

// TestGuardedRawGzip: Aidbox's format is as it is stored for everyone.
func TestGuardedRawGzip(t *testing.T) {
	t.Parallel()
	b, _, path, lines := guarded(t, "&_outputFormat=application/fhir%2Bndjson%2Bgzip")

	got := b.Get(t, path)
	require.Equal(t, "application/gzip", got.Header.Get("Content-Type"))
	require.Empty(t, got.Header.Get("Content-Encoding"))
	require.Equal(t, lines, apitest.Gunzip(t, got.Text))
}

func TestGuardedRanges(t *testing.T) {
	t.Parallel()
	b, _, path, _ := guarded(t, "")
	whole := b.Get(t, path, "Accept-Encoding", "gzip")
	size := len(whole.Text)
	tag := whole.Header.Get("ETag")

	for _, test := range []struct {
		asked      string
		from, till int // of the body; -1 for the whole
	}{
		{"bytes=0-0", 0, 1}, {"bytes=5-9", 5, 10}, {"bytes=5-", 5, size}, {"bytes=-4", size - 4, size}, {"bytes=-100000", 0, size},
		{"bytes=3-99999999", 3, size},
		{"bytes=1-2,5-6", -1, size}, {"bytes=x-y", -1, size}, {"bytes=9-5", -1, size}, {"lines=1-2", -1, size}, {"bytes=--5", -1, size},
	} {
		got := b.Get(t, path, "Accept-Encoding", "gzip", "Range", test.asked)
		if test.from < 0 {
			require.Equal(t, http.StatusOK, got.StatusCode, test.asked)
			require.Equal(t, whole.Text, got.Text)
			continue
		}
		require.Equal(t, http.StatusPartialContent, got.StatusCode, test.asked)
		require.Equal(t, whole.Text[test.from:test.till], got.Text, test.asked)
		require.Equal(t, "bytes "+strconv.Itoa(test.from)+"-"+strconv.Itoa(test.till-1)+"/"+strconv.Itoa(size), got.Header.Get("Content-Range"))
		require.Equal(t, tag, got.Header.Get("ETag"))
	}
	got := b.Get(t, path, "Accept-Encoding", "gzip", "Range", "bytes=100000-")
	apitest.RequireRefusal(t, got, http.StatusRequestedRangeNotSatisfiable, "invalid", "")
	require.Equal(t, "bytes */"+strconv.Itoa(size), got.Header.Get("Content-Range"))
	require.Empty(t, got.Header.Get("Content-Encoding"), "the refusal is not compressed")

	require.Equal(t, http.StatusPartialContent, b.Get(t, path, "Accept-Encoding", "gzip", "Range", "bytes=1-2", "If-Range", tag).StatusCode)
	require.Equal(t, http.StatusOK, b.Get(t, path, "Accept-Encoding", "gzip", "Range", "bytes=1-2", "If-Range", `"another"`).StatusCode)
	require.Equal(t, http.StatusOK, b.Get(t, path, "Range", "bytes=1-2").StatusCode, "what is unpacked on the way has no ranges")

	for header, fine := range map[string]bool{tag: true, `"x", W/` + tag: true, "*": true, `"another"`: false} {
		got := b.Get(t, path, "Accept-Encoding", "gzip", "If-None-Match", header)
		if fine {
			require.Equal(t, http.StatusNotModified, got.StatusCode, header)
			require.Empty(t, got.Text)
		} else {
			require.Equal(t, http.StatusOK, got.StatusCode, header)
		}
	}
}

// TestGuardedInCurl: a client that shares no code with ours resumes a download.
func TestGuardedInCurl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on the PATH")
	}
	b, _, path, lines := guarded(t, "")
	curl := func(args ...string) string {
		args = append([]string{"-sS", "--fail", "-u", apitest.ClientID + ":" + apitest.ClientSecret}, args...)
		out, err := exec.CommandContext(t.Context(), "curl", append(args, b.URL+path)...).Output()
		require.NoError(t, err)
		return string(out)
	}
	require.Equal(t, lines, curl())
	require.Equal(t, lines, curl("--compressed"))
	first := curl("-H", "Accept-Encoding: gzip", "-r", "0-9")
	require.Equal(t, lines, apitest.Gunzip(t, first+curl("-H", "Accept-Encoding: gzip", "-r", "10-")))
}

// TestGuardedAccess: only the export's client gets its files, only those, and
// only as long as its scopes cover them and they are there.
func TestGuardedAccess(t *testing.T) {
	t.Parallel()
	b, id, path, _ := guarded(t, "")
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))

	request := b.Request(t, http.MethodGet, path)
	request.SetBasicAuth("other", "other-secret")
	apitest.RequireRefusal(t, b.Do(t, request), http.StatusNotFound, "not-found", "")
	request = b.Request(t, http.MethodGet, path)
	request.Header.Del("Authorization")
	apitest.RequireRefusal(t, b.Do(t, request), http.StatusUnauthorized, "login", "")

	for _, name := range []string{"manifest.json", "Patient.0002.ndjson.gz", "", "../" + id.String() + "/Patient.0001.ndjson.gz", "%2e%2e/x", "error/request.errors.ndjson.gz"} {
		apitest.RequireRefusal(t, b.Get(t, "/fhir/$export-files/"+id.String()+"/"+name), http.StatusNotFound, "not-found", "")
	}

	require.NoError(t, b.Bucket.Delete(t.Context(), id.String()+"/Patient.0001.ndjson.gz"))
	apitest.RequireRefusal(t, b.Get(t, path), http.StatusNotFound, "not-found", "")

	b.Exec(t, `UPDATE sluice.client SET scopes = '{system/Group.rs}' WHERE id = $1`, apitest.ClientID)
	require.Eventually(t, func() bool { return b.Get(t, path).StatusCode == http.StatusForbidden }, apitest.Patience, apitest.Tick)
	apitest.RequireRefusal(t, b.Get(t, apitest.StatusPath+id.String()), http.StatusForbidden, "forbidden", "")
	b.Exec(t, `UPDATE sluice.client SET scopes = '{system/*.rs}' WHERE id = $1`, apitest.ClientID)
	require.Eventually(t, func() bool { return b.Get(t, path).StatusCode == http.StatusNotFound }, apitest.Patience, apitest.Tick)

	b.Exec(t, `UPDATE sluice.export SET expires_at = now() - interval '1 s' WHERE id = $1`, id)
	apitest.RequireRefusal(t, b.Get(t, path), http.StatusGone, "deleted", "")
	require.NoError(t, b.Exports.Expire(t.Context()))
	apitest.RequireRefusal(t, b.Get(t, path), http.StatusGone, "deleted", "")
	require.NoError(t, b.Exports.Cancel(t.Context(), id, apitest.ClientID))
	apitest.RequireRefusal(t, b.Get(t, path), http.StatusNotFound, "not-found", "")
}

// A file that was replaced in the object store is not served.
func TestGuardedChangedFile(t *testing.T) {
	t.Parallel()
	b, id, path, lines := guarded(t, "")
	key := id.String() + "/Patient.0001.ndjson.gz"
	written, err := b.Bucket.Stat(t.Context(), key)
	require.NoError(t, err)
	b.Exec(t, `UPDATE sluice.file SET etag = $2, stored_bytes = $3 WHERE export_id = $1`, id, written.ETag, written.Size)
	require.Equal(t, lines, b.Get(t, path).Text)

	for _, size := range []int64{written.Size, written.Size / 2} {
		_, err = b.Bucket.Upload(t.Context(), key, strings.NewReader(strings.Repeat("x", int(size))))
		require.NoError(t, err)
		for _, encoding := range []string{"gzip", "identity"} {
			apitest.RequireRefusal(t, b.Get(t, path, "Accept-Encoding", encoding), http.StatusNotFound, "not-found", "")
		}
	}
}

// TestETagIsTheHash: if the hash of a file is known, it is the entity tag and is in the
// manifest.
func TestETagIsTheHash(t *testing.T) {
	t.Parallel()
	b, id, path, _ := guarded(t, "")
	packed := b.Get(t, path, "Accept-Encoding", "gzip").Text
	sum := sha256.Sum256([]byte(packed))
	b.Exec(t, `UPDATE sluice.file SET sha256 = $2, stored_bytes = $3, max_line_bytes = 38 WHERE export_id = $1`, id, sum[:], len(packed))

	require.Equal(t, strconv.Quote(hex.EncodeToString(sum[:])), b.Get(t, path, "Accept-Encoding", "gzip").Header.Get("ETag"))
	_, m := b.manifest(t, id)
	require.Equal(t, map[string]any{"sha256": hex.EncodeToString(sum[:]), "maxLineBytes": 38.0}, m.Output[0].Extension)
	require.Equal(t, len(packed), m.Output[0].FileSize)
	require.Equal(t, "application/fhir+ndjson", m.OutputFormat)
}
