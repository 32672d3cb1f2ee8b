package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// Each run of a chain begins where the last complete one ended. Another request begins a
// chain of its own.
func TestChain(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{
		Export: func(n int, _ fetchtest.Request) []fetchtest.File {
			files := fetchtest.Files("Patient", 1, n)
			if n == 2 {
				files = append(files, fetchtest.Issues("OperationOutcome.1.ndjson", "error", "lost"))
			}
			return files
		},
	})
	dir := t.TempDir()
	run := func(types ...string) (Result, error) {
		o := options(t, server, dir)
		o.SinceAuto, o.Request.Types = true, types
		return Run(t.Context(), o)
	}
	since := func() string {
		requests := server.Requests(fetchtest.KickOff)
		return requests[len(requests)-1].Query.Get("_since")
	}

	first, err := run("Patient", "Group")
	require.NoError(t, err)
	require.Empty(t, since())
	require.Equal(t, "2026-01-01T01-00-00.000Z/", first.Folder)

	_, err = run("Patient", "Group")
	require.Equal(t, HasIssues, kindOfError(t, err))
	require.Equal(t, first.TransactionTime, since())
	out, err := output.Directory(dir)
	require.NoError(t, err)
	verified, err := Verify(t.Context(), out, &recorder{t: t})
	require.NoError(t, err)
	require.Equal(t, int64(3), verified.Files, "the last run that counts, and the one with issues")
	_, err = run("Group", "Patient") // the same request; the second run did not count
	require.NoError(t, err)
	require.Equal(t, first.TransactionTime, since())
	_, err = run("Patient", "Group")
	require.NoError(t, err)
	require.Equal(t, "2026-01-01T03:00:00.000Z", since())
	_, err = run("Patient")
	require.NoError(t, err)
	require.Empty(t, since())

	got := tree(t, dir)
	for n, folder := range []string{"2026-01-01T01-00-00.000Z", "2026-01-01T02-00-00.000Z", "2026-01-01T03-00-00.000Z", "2026-01-01T04-00-00.000Z", "2026-01-01T05-00-00.000Z"} {
		require.Equal(t, n+1, strings.Count(got[folder+"/Patient.0001.ndjson.gz"], "\n"))
		require.Contains(t, got, folder+"/manifest.json")
		require.Contains(t, got[folder+"/log.ndjson"], EventKickOff)
	}
	var chains chainDocument
	require.NoError(t, json.Unmarshal([]byte(got[chainName]), &chains))
	require.Len(t, chains.Chains, 2)
	require.Equal(t, 3, chains.Chains[0].Runs)

	verified, err = Verify(t.Context(), out, &recorder{t: t})
	require.NoError(t, err)
	require.Equal(t, int64(2), verified.Files, "the last run of each chain")
}

// A cancelled run leaves nothing, not even folders of files that had not begun.
func TestCancelLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		files := append(fetchtest.Files("Patient", 2, 10), fetchtest.Issues("OperationOutcome.1.ndjson", "warning", "slow"))
		server := fetchtest.New(t, fetchtest.Options{Files: files, Faults: []fetchtest.Fault{fetchtest.Download.Nth(3, fetchtest.Do(cancel), fetchtest.Stall())}})
		dir := t.TempDir()
		o := options(t, server, dir)
		o.SinceAuto, o.Parallel = auto, 1
		_, err := Run(ctx, o)
		require.ErrorIs(t, err, context.Canceled)
		_, err = Cancel(t.Context(), Options{Output: o.Output, Login: o.Login, Connection: o.Connection, Reporter: o.Reporter})
		require.NoError(t, err)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
}

// A chain and a copy that is none never share an output, and verification prefers the chain.
func TestChainAndCopy(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1)})
	chained, plain := options(t, server, t.TempDir()), options(t, server, t.TempDir())
	chained.SinceAuto = true
	first, err := Run(t.Context(), chained)
	require.NoError(t, err)
	_, err = Run(t.Context(), plain)
	require.NoError(t, err)

	chained.SinceAuto, plain.SinceAuto = false, true
	_, err = Run(t.Context(), chained)
	require.ErrorContains(t, err, "has a chain of copies (chain.json): continue it with --since auto")
	_, err = Run(t.Context(), plain)
	require.ErrorContains(t, err, "has a complete export already (manifest.json)")
	require.Len(t, server.Requests(fetchtest.KickOff), 2)

	require.NoError(t, chained.Output.WriteDocument(t.Context(), manifestName, []byte("{}")))
	verified, err := Verify(t.Context(), chained.Output, &recorder{t: t})
	require.NoError(t, err)
	require.Equal(t, first.Folder, verified.Folder)
}

// The first run of a chain that has issues can be verified, and does not count.
func TestChainBeginsWithIssues(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Export: func(n int, _ fetchtest.Request) []fetchtest.File {
		files := fetchtest.Files("Patient", 1, n)
		if n == 1 {
			files = append(files, fetchtest.Issues("OperationOutcome.1.ndjson", "error", "lost"))
		}
		return files
	}})
	o := options(t, server, t.TempDir())
	o.SinceAuto = true
	_, err := Run(t.Context(), o)
	require.Equal(t, HasIssues, kindOfError(t, err))
	require.ErrorContains(t, err, "reports 1 issue, the first: error: lost")
	verified, err := Verify(t.Context(), o.Output, &recorder{t: t})
	require.NoError(t, err)
	require.Equal(t, int64(2), verified.Files)

	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	kickOffs := server.Requests(fetchtest.KickOff)
	require.Empty(t, kickOffs[1].Query.Get("_since"))
	verified, err = Verify(t.Context(), o.Output, &recorder{t: t})
	require.NoError(t, err)
	require.Equal(t, int64(1), verified.Files, "the run with issues is superseded")
}

// A cancelled run of a chain leaves no folder.
func TestCancelInChain(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 5), Faults: []fetchtest.Fault{
		fetchtest.Download.File("Patient.2.ndjson").Always(fetchtest.Reject(http.StatusNotImplemented)),
	}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.SinceAuto = true
	_, err := Run(t.Context(), o)
	require.Error(t, err)
	_, err = Cancel(t.Context(), o)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A run of a chain whose export is gone begins again: nobody looks at a run of cron.
func TestChainWithLostExport(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 3, 5)})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.SinceAuto, o.Parallel = true, 1
	ctx, cancel := context.WithCancel(t.Context())
	o.Reporter = &recorder{t: t, on: func(e Event) {
		if e.Name == EventDownloadComplete {
			cancel()
		}
	}}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	server.ForgetExports()

	o.Reporter = &recorder{t: t}
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.KickOff), 2)
	require.Equal(t, "2026-01-01T02-00-00.000Z/", result.Folder)
	got := tree(t, dir)
	for name := range got {
		require.NotContains(t, name, "2026-01-01T01", "files of the lost export are removed")
	}
	require.Contains(t, got, result.Folder+"Patient.0003.ndjson.gz")
}

// A server may tell the same transactionTime twice.
func TestChainWithEqualTimes(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1),
		TransactionTime: func(int) string { return "2026-01-01T00:00:00+01:00" }})
	dir := t.TempDir()
	for _, want := range []string{"2026-01-01T00-00-00+01-00/", "2026-01-01T00-00-00+01-00.2/"} {
		o := options(t, server, dir)
		o.SinceAuto = true
		result, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, want, result.Folder)
	}
}

// Patients that joined the Group since the last run are fetched completely, even if the
// Patient did not change.
func TestNewMembers(t *testing.T) {
	t.Parallel()
	members := [][]string{{"a", "b"}, {"a", "b", "c", "d"}, {"a", "d"}, {"a", "b", "d"}}
	var round atomic.Int32
	patients := func(name string, ids ...string) fetchtest.File {
		var content strings.Builder
		for _, id := range ids {
			content.WriteString(`{"resourceType":"Patient","id":"` + id + `"}` + "\n")
		}
		return fetchtest.File{Type: "Patient", Name: name, Content: []byte(content.String())}
	}
	server := fetchtest.New(t, fetchtest.Options{
		Export: func(_ int, kickOff fetchtest.Request) []fetchtest.File {
			switch {
			case kickOff.Query.Get("_type") == "Patient": // the members
				return []fetchtest.File{patients("list.ndjson", members[round.Load()]...)}
			case kickOff.Method == "POST": // those that joined
				return []fetchtest.File{patients("joined.ndjson", "x")}
			}
			return []fetchtest.File{patients("main.ndjson", "y")}
		},
	})
	dir := t.TempDir()
	run := func() {
		o := options(t, server, dir)
		o.SinceAuto, o.NewMembers = true, true
		o.Request = remote.Request{Level: remote.Group, GroupID: "g"}
		_, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Zero(t, server.Exports())
	}
	joined := func() (bodies []string) {
		for _, r := range server.Requests(fetchtest.KickOff) {
			if r.Method == "POST" {
				bodies = append(bodies, r.Body)
			}
		}
		return bodies
	}
	run()
	require.Empty(t, joined())
	round.Add(1)
	run()
	require.Len(t, joined(), 1)
	require.Contains(t, joined()[0], "Patient/c")
	require.Contains(t, joined()[0], "Patient/d")
	require.NotContains(t, joined()[0], "Patient/a")
	require.NotContains(t, joined()[0], "_since")
	round.Add(1)
	run()
	require.Len(t, joined(), 1)
	round.Add(1)
	run()
	require.Len(t, joined(), 2)
	require.Contains(t, joined()[1], "Patient/b", "left and joined again")

	got := tree(t, dir)
	require.Contains(t, got, "2026-01-01T04-00-00.000Z/Patient.0001.ndjson.gz")
	require.Contains(t, got["2026-01-01T04-00-00.000Z/Patient.0002.ndjson.gz"], `"id":"x"`)
	require.Contains(t, got["2026-01-01T04-00-00.000Z/manifest.json"], "Patient.0002.ndjson.gz")
	lists, err := filepath.Glob(filepath.Join(dir, "chain-members-*"))
	require.NoError(t, err)
	require.Len(t, lists, 1, "older lists are removed")
	list, err := os.ReadFile(lists[0])
	require.NoError(t, err)
	require.Len(t, slices.Collect(strings.Lines(string(list))), 3)
}

// What was read of the members is read again by the run that continues.
func TestMembersAreReadAgain(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Export: func(n int, _ fetchtest.Request) []fetchtest.File {
		content := `{"resourceType":"Patient","id":"a"}` + "\n"
		if n > 2 {
			content += `{"resourceType":"Patient","id":"joined"}` + "\n"
		}
		return []fetchtest.File{{Type: "Patient", Name: "Patient.1.ndjson", Content: []byte(content)}, fetchtest.Issues("OperationOutcome.1.ndjson", "warning", "slow")}
	}})
	o := options(t, server, t.TempDir())
	o.Request = remote.Request{Level: remote.Group, GroupID: "g"}
	o.SinceAuto, o.NewMembers = true, true
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	full := o
	full.Output = fullOutput{o.Output}
	_, err = Run(t.Context(), full)
	require.Equal(t, Local, kindOfError(t, err))
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	kickOffs := server.Requests(fetchtest.KickOff)
	require.Contains(t, kickOffs[len(kickOffs)-1].Body, "Patient/joined")
	require.NotContains(t, kickOffs[len(kickOffs)-1].Body, "Patient/a")
}

// fullOutput has no space for lists of members.
type fullOutput struct{ output.Output }

func (o fullOutput) Create(ctx context.Context, name string) (output.File, error) {
	if strings.HasPrefix(name, "chain-members") {
		return nil, errors.New("no space left on device")
	}
	return o.Output.Create(ctx, name)
}

// A single 404 of the status, as from a proxy, does not end a run.
func TestStatusNotFoundOnce(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 4, 500), Faults: []fetchtest.Fault{
		fetchtest.Status.Nth(2, fetchtest.Reject(http.StatusNotFound)), fetchtest.Status.Nth(3, fetchtest.Reject(http.StatusNotFound))}})
	o := options(t, server, t.TempDir())
	o.SinceAuto, o.Parallel = true, 1
	interrupt(t, o)
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.KickOff), 1)
	require.Len(t, server.Requests(fetchtest.Download), 4, "what was stored is kept")
}

// What a run with a lost export has stored is kept until the server has accepted the next
// kick-off. A server that does not delete the lost export does not stop the chain.
func TestLostExportIsReplaced(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 3, 5), Faults: []fetchtest.Fault{
		fetchtest.Status.Nth(2, fetchtest.Reject(http.StatusGone)), fetchtest.Status.Nth(3, fetchtest.Reject(http.StatusGone)),
		fetchtest.KickOff.Nth(2, fetchtest.Reject(http.StatusBadRequest)),
		fetchtest.Delete.First(2, fetchtest.Reject(http.StatusForbidden)),
	}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.SinceAuto, o.Parallel = true, 1
	interrupt(t, o)
	want := tree(t, dir)
	_, err := Run(t.Context(), o)
	require.Equal(t, Refused, kindOfError(t, err))
	got := tree(t, dir)
	require.ElementsMatch(t, names(want), names(got))
	require.Contains(t, got, "2026-01-01T01-00-00.000Z/Patient.0001.ndjson.gz")

	o.BaseURL = "" // --resume
	o.Request, o.SinceAuto = remote.Request{}, false
	warned := false
	o.Reporter = &recorder{t: t, on: func(e Event) { warned = warned || strings.Contains(e.Text, "could not be deleted on the server") }}
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, warned)
	require.Equal(t, "2026-01-01T02-00-00.000Z/", result.Folder)
	for name := range tree(t, dir) {
		require.NotContains(t, name, "2026-01-01T01")
	}
}

// Runs that drop deletions do not advance the chain of runs that keep them.
func TestChainThatDropsDeletions(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: append(fetchtest.Files("Patient", 1, 2), fetchtest.Deletions("Bundle.1.ndjson", "Patient/gone"))})
	dir := t.TempDir()
	for _, mode := range []DeletedMode{DeletedKeep, DeletedDrop, DeletedList} {
		o := options(t, server, dir)
		o.SinceAuto, o.Deleted = true, mode
		_, err := Run(t.Context(), o)
		require.NoError(t, err)
	}
	var since []string
	for _, r := range server.Requests(fetchtest.KickOff) {
		since = append(since, r.Query.Get("_since"))
	}
	require.Equal(t, []string{"", "", "2026-01-01T01:00:00.000Z"}, since)
}

// The cancellation of a run removes rejected files, and nothing of another copy.
func TestCancelRemovesRejectedFiles(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 50), Faults: []fetchtest.Fault{
		fetchtest.Download.File("Patient.1.ndjson").Always(fetchtest.CorruptAt(3))}})
	dir := t.TempDir()
	o := options(t, server, dir)
	_, err := Run(t.Context(), o)
	require.Equal(t, Unverified, kindOfError(t, err))
	bad, err := filepath.Glob(filepath.Join(dir, "*.bad"))
	require.NoError(t, err)
	require.Len(t, bad, 1)
	_, err = Cancel(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, tree(t, dir))
}

// The cancellation of a run of a chain that has no folder yet leaves other files alone.
func TestCancelBesideCopy(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 5), Faults: []fetchtest.Fault{
		fetchtest.Status.Nth(1, fetchtest.Reject(http.StatusBadRequest))}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.SinceAuto = true
	_, err := Run(t.Context(), o)
	require.Equal(t, Failed, kindOfError(t, err))
	require.NoError(t, o.Output.WriteDocument(t.Context(), manifestName, []byte("{}")))
	_, err = Cancel(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, map[string]string{manifestName: "{}"}, tree(t, dir))
}
