package fetch

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
)

// blocks is a file that is organized by patient: two headers and three resources.
const blocks = `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/1"}}]}
{"resourceType":"Patient","id":"1"}
{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/1"}}
{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/2"}}]}
{"resourceType":"Patient","id":"2"}
`

// organizedServer returns a server whose export has blocks as its only file, with a count.
func organizedServer(t *testing.T, count int) *fetchtest.Server {
	t.Helper()
	return fetchtest.New(t, fetchtest.Options{
		Files: []fetchtest.File{{Name: "blocks.ndjson", Content: []byte(blocks), Claim: fetchtest.Claim{Count: count}}},
		Manifest: fetchtest.ManifestOptions{Edit: func(_ int, manifest map[string]any) {
			manifest["outputOrganizedBy"] = "Patient"
			delete(manifest["output"].([]any)[0].(map[string]any), "type")
		}},
	})
}

// The count of a manifest leaves out the headers of blocks, whether or not the request says
// how the output is organized.
func TestOrganizedExport(t *testing.T) {
	t.Parallel()
	for claim, complete := range map[int]bool{3: true, 4: false} {
		server := organizedServer(t, claim)
		dir := t.TempDir()
		result, err := Run(t.Context(), options(t, server, dir))
		if !complete {
			require.ErrorContains(t, err, "1 of 1 file is not what the manifest says")
			continue
		}
		require.NoError(t, err)
		require.EqualValues(t, 3, result.Resources)
		out, err := output.Directory(dir)
		require.NoError(t, err)
		result, err = Verify(t.Context(), out, &recorder{t: t})
		require.NoError(t, err)
		require.EqualValues(t, 3, result.Resources)
		manifest, err := readManifest(t.Context(), out, "")
		require.NoError(t, err)
		require.EqualValues(t, 3, *manifest.Output[0].Count)
		require.Equal(t, "Patient", manifest.OrganizedBy)
	}
}

// A run that was killed when it had stored an organized file keeps the file, and counts its
// resources without the headers.
func TestOrganizedExportKilled(t *testing.T) {
	t.Parallel()
	server := organizedServer(t, 3)
	dir := t.TempDir()
	o := options(t, server, dir)
	o.Keep = true // the server still has the export after the run
	filmed := &filmedOutput{Output: o.Output, t: t, dir: dir, dst: t.TempDir()}
	o.Output = filmed
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	downloads := len(server.Requests(fetchtest.Download))
	killed := slices.IndexFunc(filmed.frames, func(f frame) bool {
		return strings.Contains(f.name, "publish") && !strings.Contains(f.name, logName)
	})
	require.GreaterOrEqual(t, killed, 0)

	o = options(t, server, filmed.frames[killed].dir)
	o.Keep = true
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.EqualValues(t, 3, result.Resources)
	require.Len(t, server.Requests(fetchtest.Download), downloads)
	manifest, err := readManifest(t.Context(), o.Output, "")
	require.NoError(t, err)
	require.EqualValues(t, 3, *manifest.Output[0].Count)
	require.EqualValues(t, 2, manifest.Output[0].Extension.Headers)
}
