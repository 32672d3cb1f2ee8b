package fetch_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// Names and types of a server cannot reach out of the output, replace its documents, or
// each other's files.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	names := []string{
		"../../evil.ndjson", "/etc/evil", `..\evil.ndjson`, "manifest.json", ".sluice-fetch.json", "log.ndjson", "chain.json",
		"deleted.txt", "CON.ndjson", "x.ndjson", "X.ndjson", "x.ndjson.gz", "a:b.ndjson", "nul\x00.ndjson", strings.Repeat("long", 100),
	}
	var files []fetchtest.File
	for _, name := range names {
		files = append(files, fetchtest.File{Type: "Patient", Name: name, Lines: 3})
	}
	files = append(files, fetchtest.File{Type: "Patient", Name: "t.ndjson", Lines: 3, Claim: fetchtest.Claim{Type: "../../Patient"}})
	for name, serverNames := range map[string]bool{"server's names": true, "own names": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dir := filepath.Join(parent, "a", "out")
			o := optionsFor(t, fetchtest.New(t, fetchtest.Options{Files: files}), dir)
			o.ServerNames = serverNames
			_, err := fetch.Run(t.Context(), o)
			var failed *fetch.Error
			if err != nil { // the type of the last file
				require.ErrorAs(t, err, &failed)
				require.Equal(t, fetch.Unverified, failed.Kind, err)
			}

			stored := map[string]bool{}
			require.NoError(t, filepath.WalkDir(parent, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				require.True(t, strings.HasPrefix(path, dir), path)
				if content := plainContent(t, path); strings.HasPrefix(content, `{"resourceType":"Patient"`) {
					stored[content] = true
				}
				return nil
			}))
			require.Len(t, stored, len(files), "files with different content")
		})
	}
}

// plainContent returns the content of a file, unpacked if it is compressed.
func plainContent(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	packed, err := gzip.NewReader(strings.NewReader(string(content)))
	if err != nil {
		return string(content)
	}
	plain, err := io.ReadAll(packed)
	require.NoError(t, err)
	return string(plain)
}
