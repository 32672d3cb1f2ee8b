package bulk_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// manifest is a manifest as the specification defines it.
type manifest struct {
	TransactionTime     string         `json:"transactionTime"`
	Request             string         `json:"request"`
	RequiresAccessToken *bool          `json:"requiresAccessToken"`
	OutputFormat        string         `json:"outputFormat"`
	Output              []manifestFile `json:"output"`
	Deleted             []manifestFile `json:"deleted"`
	Error               []manifestFile `json:"error"`
}

type manifestFile struct {
	Type      string         `json:"type"`
	URL       string         `json:"url"`
	Count     int            `json:"count"`
	FileSize  int            `json:"fileSize"`
	Extension map[string]any `json:"extension"`
}

// manifest requests the manifest of a completed export.
func (b *testBundle) manifest(t *testing.T, id uuid.UUID) (apitest.Answer, manifest) {
	t.Helper()
	got := b.Get(t, apitest.StatusPath+id.String())
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	var m manifest
	decoder := json.NewDecoder(strings.NewReader(got.Text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&m))
	return got, m
}

// follow gets what a link leads to, without credentials.
func (b *testBundle) follow(t *testing.T, link string) apitest.Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	require.NoError(t, err)
	return b.Do(t, request)
}

func TestManifest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient,Group").ID
	content := b.Complete(t, id)

	got, m := b.manifest(t, id)
	expires, err := http.ParseTime(got.Header.Get("Expires"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)

	require.Equal(t, "2024-05-31T10:00:00.500000Z", m.TransactionTime)
	require.Equal(t, b.URL+"/fhir/$export?_type=Patient,Group", m.Request)
	require.NotNil(t, m.RequiresAccessToken)
	require.False(t, *m.RequiresAccessToken)
	require.NotNil(t, m.Error, "required, though empty")
	require.Empty(t, m.Error)
	require.Len(t, m.Output, 1, "no file without resources")
	require.Equal(t, "Patient", m.Output[0].Type)
	require.Equal(t, 3, m.Output[0].Count)
	require.Contains(t, got.Text, m.Output[0].URL, "to be copied as it stands")

	var taken apitest.AuditLine
	require.Eventually(t, func() bool {
		all := b.Logs.Audited(t)
		taken = all[len(all)-1]
		return taken.Action == "manifest"
	}, apitest.Patience, apitest.Tick)
	require.Equal(t, 3, taken.Resources, "downloads from the store leave no line of their own")
	require.Equal(t, []string{"Patient", "Group"}, taken.Types)

	file := b.follow(t, m.Output[0].URL)
	require.Equal(t, http.StatusOK, file.StatusCode, file.Text)
	require.Equal(t, "application/fhir+ndjson", file.Header.Get("Content-Type"))
	require.Equal(t, "gzip", file.Header.Get("Content-Encoding"))
	require.Contains(t, file.Header.Get("Content-Disposition"), "Patient.0001.ndjson")
	require.Contains(t, file.Header.Get("Content-Disposition"), ".ndjson.gz", "the name of what curl -OJ saves")
	require.Equal(t, content, apitest.Gunzip(t, file.Text))
	for _, secret := range []string{"X-Amz", "Signature="} {
		require.NotContains(t, b.Logs.String(), secret, "who has a link has the file")
	}
}

// TestManifestDeleted: files of deletions are linked like output, with names that do not
// collide with it in one folder.
func TestManifestDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient,Group&_since=2024").ID
	b.Complete(t, id)
	_, m := b.manifest(t, id)
	require.Nil(t, m.Deleted, "nobody knows")

	key := id.String() + "/deleted/Patient.deleted.0001.ndjson.gz"
	object, err := b.Bucket.Upload(t.Context(), key, strings.NewReader("as it is stored"))
	require.NoError(t, err)
	b.Exec(t, `INSERT INTO sluice.part (export_id, number, generation, kind, resource_type, scan, object_key, job_id, state, bytes_planned)
		VALUES ($1, 3, 1, 'deletions', 'Patient', '{}', $2, 3, 'done', 1), ($1, 4, 1, 'deletions', 'Group', '{}', 'none either', 4, 'done', 0)`, id, key)
	b.Exec(t, `INSERT INTO sluice.file (export_id, part_number, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
		VALUES ($1, 3, 1, 'deleted', 'Bundle', $2, 2, 30, 15, $3, 'hash', $4)`, id, key, object.Size, object.ETag)
	_, m = b.manifest(t, id)
	require.Len(t, m.Output, 1)
	require.Len(t, m.Deleted, 1)
	require.Equal(t, "Bundle", m.Deleted[0].Type)
	require.Equal(t, 2, m.Deleted[0].Count)
	file := b.follow(t, m.Deleted[0].URL)
	require.Equal(t, http.StatusOK, file.StatusCode, file.Text)
	require.Equal(t, "as it is stored", file.Text)
	require.Contains(t, file.Header.Get("Content-Disposition"), "filename=Patient.deleted.0001.ndjson.gz")
}

// TestRawGzipManifest: Aidbox's format names files that nothing unpacks.
func TestRawGzipManifest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient&_outputFormat=application/fhir%2Bndjson%2Bgzip").ID
	content := b.Complete(t, id)

	_, m := b.manifest(t, id)
	file := b.follow(t, m.Output[0].URL)
	require.Equal(t, http.StatusOK, file.StatusCode, file.Text)
	require.Equal(t, "application/gzip", file.Header.Get("Content-Type"))
	require.Empty(t, file.Header.Get("Content-Encoding"))
	require.Contains(t, file.Header.Get("Content-Disposition"), "Patient.0001.ndjson.gz")
	require.Equal(t, content, apitest.Gunzip(t, file.Text))
}

// TestLinkLife: a link is valid for the configured time, but not longer than its file
// exists.
func TestLinkLife(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.LinkTTL = 48 * time.Hour })
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
	b.Complete(t, id)

	life := func() time.Duration {
		_, m := b.manifest(t, id)
		link, err := url.Parse(m.Output[0].URL)
		require.NoError(t, err)
		life, err := time.ParseDuration(link.Query().Get("X-Amz-Expires") + "s")
		require.NoError(t, err)
		return life
	}
	require.InDelta(t, 24*time.Hour, life(), float64(time.Minute))
	b.Exec(t, `UPDATE sluice.export SET expires_at = now() + interval '3 days' WHERE id = $1`, id)
	require.Equal(t, 48*time.Hour, life())
}
