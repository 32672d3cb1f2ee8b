package fetch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

func TestNames(t *testing.T) {
	t.Parallel()
	add := func(n *namer, section remote.Section, kind, link string) string {
		return n.name(&file{Section: section, Type: kind, Link: link})
	}
	n := newNamer(false, []*export{{Files: []*file{
		{Section: remote.Output, Type: "Patient", Name: "Patient.0001.ndjson"}, {Section: remote.Output, Type: "Patient"},
	}}})
	require.Equal(t, "Patient.0002.ndjson", add(n, remote.Output, "Patient", ""))
	require.Equal(t, "Group.0001.ndjson", add(n, remote.Output, "Group", ""))
	require.Equal(t, "Group.0002.parquet", add(n, remote.Output, "Group", "https://h/x.Parquet"))
	require.Equal(t, "patient.0003.ndjson", add(n, remote.Output, "patient", ""))
	require.Equal(t, "deleted/Bundle.0001.ndjson", add(n, remote.Deleted, "", ""))
	require.Equal(t, "error/OperationOutcome.0001.ndjson", add(n, remote.Errors, "../x", ""))
	require.Equal(t, "Resource.0001.ndjson", add(n, remote.Output, "a/b", ""))

	n = newNamer(true, nil)
	require.Equal(t, "a.ndjson", add(n, remote.Output, "Patient", "https://h/x/a.ndjson.gz"))
	require.Equal(t, "A-2.ndjson", add(n, remote.Output, "Patient", "https://h/y/A.ndjson"))
	require.Equal(t, "deleted/a.ndjson", add(n, remote.Deleted, "Bundle", "https://h/y/a.ndjson"))
	require.Equal(t, "b c", add(n, remote.Output, "Patient", "https://h/b%20c"))
	for _, unfit := range []string{"", "..", ".", "%2e%2e", "a%5cb", "CON", "nul.ndjson", "manifest.json", "Deleted", "x.part", "x.bad", ".hidden", "a%00b", "a%0ab", "x:y", "a.", "ä"} {
		require.Regexp(t, `^Patient\.00\d\d\.ndjson$`, add(n, remote.Output, "Patient", "https://h/"+unfit), unfit)
	}
}
