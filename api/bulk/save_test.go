package bulk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestSavedFiles saves files the ways people do. A file whose name ends in .gz is
// gzip, any other is ndjson.
func TestSavedFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query    string
		guard    bool
		programs []string
	}{
		// Programs that unpack a link need a name (-o) or the gzip format.
		"Link":     {"", false, []string{"curl -sSfOJ", "curl -sSfO", "wget -q --content-disposition"}},
		"LinkGzip": {gzipQuery, false, []string{"curl -sSfOJ", "curl -sSfO", "curl -sSfOJ --compressed", "wget -q --content-disposition"}},
		"Own":      {"", true, []string{"curl -sSfOJ", "curl -sSfO", "curl -sSfOJ --compressed", "wget -q --content-disposition", "wget -q"}},
		"OwnGzip":  {gzipQuery, true, []string{"curl -sSfOJ", "curl -sSfO", "curl -sSfOJ --compressed", "wget -q --content-disposition", "wget -q"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(config *api.Config) { config.ProxyFiles = test.guard })
			id := b.KickOff(t, "/fhir/$export?_type=Patient"+test.query).ID
			lines := b.Complete(t, id)
			_, m := b.manifest(t, id)
			for _, program := range test.programs {
				args := strings.Fields(program)
				switch {
				case !test.guard:
				case args[0] == "curl":
					args = append(args, "-u", apitest.ClientID+":"+apitest.ClientSecret)
				default:
					args = append(args, "--auth-no-challenge", "--user="+apitest.ClientID, "--password="+apitest.ClientSecret)
				}
				saved, content := save(t, append(args, m.Output[0].URL)...)
				if strings.HasSuffix(saved, ".gz") {
					content = apitest.Gunzip(t, content)
				}
				require.Equal(t, lines, content, "%s saved %s", program, saved)
			}
		})
	}
}

const gzipQuery = "&_outputFormat=application/fhir%2Bndjson%2Bgzip"

// save runs a program in an empty directory and returns the one file it leaves.
func save(t *testing.T, args ...string) (name, content string) {
	t.Helper()
	dir := t.TempDir()
	program := exec.CommandContext(t.Context(), apitest.LookPath(t, args[0]), args[1:]...)
	program.Dir = dir
	out, err := program.CombinedOutput()
	require.NoError(t, err, "%s", out)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	bytes, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	return files[0].Name(), string(bytes)
}
