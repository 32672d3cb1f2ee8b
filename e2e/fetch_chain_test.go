package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// A chain of copies: each asks for what has changed since the last complete one, even if
// others failed in between.
func TestFetchSinceAuto(t *testing.T) {
	t.Parallel()
	exports := [][]fetchtest.File{
		1: fetchtest.Files("Patient", 2, 50),
		2: append(fetchtest.Files("Patient", 1, 5), fetchtest.Deletions("Bundle.1.ndjson", "Patient/a", "Observation/b")),
		3: {fetchtest.Issues("OperationOutcome.1.ndjson", "error", "lost")},
		4: append(fetchtest.Files("Observation", 1, 7), fetchtest.Deletions("Bundle.1.ndjson", "Patient/c")),
		5: fetchtest.Files("Patient", 1, 1),
	}
	f := newFetcher(t, "--since=auto", "--deleted=list", "--plain", "--type=Patient,Observation", "--parallel=1")
	s := fetchtest.New(t, fetchtest.Options{
		Export: func(n int, _ fetchtest.Request) []fetchtest.File { return exports[n] },
		Faults: []fetchtest.Fault{
			fetchtest.KickOff.Nth(2, fetchtest.RejectWith(400, "not now")),
			fetchtest.Download.Nth(6, fetchtest.Do(func() { f.kill() })),
		},
	})
	codes := []int{}
	for range 6 {
		codes = append(codes, f.run(s.BaseURL))
	}
	// A full copy, a refusal, changes, a copy with issues, one that is killed, and its
	// continuation.
	require.Equal(t, []int{cli.ExitOK, 3, cli.ExitOK, 7, -1, cli.ExitOK}, codes, f.output.String())
	require.Equal(t, []string{
		"", "2026-01-01T01:00:00.000Z", "2026-01-01T01:00:00.000Z", "2026-01-01T02:00:00.000Z", "2026-01-01T02:00:00.000Z",
	}, sinces(s), "only complete copies count")

	require.Equal(t, [][]string{
		{"Patient.0001.ndjson", "Patient.0002.ndjson", "deleted.txt", "manifest.json"},
		{"Patient.0001.ndjson", "deleted.txt", "deleted/Bundle.0001.ndjson", "manifest.json"},
		{"deleted.txt", "error/OperationOutcome.0001.ndjson", "manifest.json"},
		{"Observation.0001.ndjson", "deleted.txt", "deleted/Bundle.0001.ndjson", "manifest.json"},
	}, f.runs())
	lists, err := filepath.Glob(filepath.Join(f.dir, "*", "deleted.txt"))
	require.NoError(t, err)
	var deleted []string
	for _, list := range lists {
		lines, err := os.ReadFile(list)
		require.NoError(t, err)
		deleted = append(deleted, strings.Fields(string(lines))...)
	}
	require.ElementsMatch(t, []string{"Patient/a", "Observation/b", "Patient/c"}, deleted)

	f.args = []string{"--since=auto", "--type=Patient"}
	f.complete(s.BaseURL)
	require.Empty(t, sinces(s)[5], "another request begins a chain of its own")
}

// sinces returns the values of _since of the kick-offs.
func sinces(s *fetchtest.Server) (all []string) {
	for _, r := range s.Requests(fetchtest.KickOff) {
		all = append(all, r.Query.Get("_since"))
	}
	return all
}

// runs returns the names of the files of each folder of a chain, without the log.
func (f *fetcher) runs() (all [][]string) {
	folders := map[string][]string{}
	for name := range directoryContent(f.t, f.dir) {
		if folder, rest, inFolder := strings.Cut(name, "/"); inFolder {
			folders[folder] = append(folders[folder], rest)
		} else {
			require.Equal(f.t, "chain.json", name)
		}
	}
	names := []string{}
	for folder := range folders {
		names = append(names, folder)
	}
	slices.Sort(names)
	for _, folder := range names {
		slices.Sort(folders[folder])
		all = append(all, folders[folder])
	}
	return all
}
