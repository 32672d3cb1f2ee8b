package fetch

import (
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

// The count of a manifest leaves out the headers of blocks, whether or not the request says
// how the output is organized.
func TestOrganizedExport(t *testing.T) {
	t.Parallel()
	for claim, complete := range map[int]bool{3: true, 4: false} {
		server := fetchtest.New(t, fetchtest.Options{
			Files: []fetchtest.File{{Name: "blocks.ndjson", Content: []byte(blocks), Claim: fetchtest.Claim{Count: claim}}},
			Manifest: fetchtest.ManifestOptions{Edit: func(_ int, manifest map[string]any) {
				manifest["outputOrganizedBy"] = "Patient"
				delete(manifest["output"].([]any)[0].(map[string]any), "type")
			}},
		})
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
