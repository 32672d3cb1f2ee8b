package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// filmedOutput copies its directory after each durable operation: what a process that is
// killed then leaves behind.
type filmedOutput struct {
	output.Output
	t        *testing.T
	dir, dst string

	mu     sync.Mutex
	frames []frame
}

// frame is a copy of a directory after an operation.
type frame struct{ name, dir string }

// film copies the directory.
func (o *filmedOutput) film(err error, format string, args ...any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := fmt.Sprintf("%02d %s", len(o.frames)+1, strings.ReplaceAll(fmt.Sprintf(format, args...), "/", "_"))
	dir := filepath.Join(o.dst, name)
	require.NoError(o.t, os.CopyFS(dir, os.DirFS(o.dir)))
	o.frames = append(o.frames, frame{name, dir})
	return err
}

func (o *filmedOutput) WriteDocument(ctx context.Context, name string, content []byte) error {
	return o.film(o.Output.WriteDocument(ctx, name, content), "write %s", name)
}

func (o *filmedOutput) RemoveDocument(ctx context.Context, name string) error {
	return o.film(o.Output.RemoveDocument(ctx, name), "remove %s", name)
}

func (o *filmedOutput) Discard(ctx context.Context, name string) error {
	return o.film(o.Output.Discard(ctx, name), "discard %s", name)
}

func (o *filmedOutput) Create(ctx context.Context, name string) (output.File, error) {
	file, err := o.Output.Create(ctx, name)
	return &filmedFile{file, o, name}, o.film(err, "create %s", name)
}

// filmedFile is a file of a filmedOutput.
type filmedFile struct {
	output.File
	out  *filmedOutput
	name string
}

func (f *filmedFile) Publish(ctx context.Context) error {
	return f.out.film(f.File.Publish(ctx), "publish %s", f.name)
}

// killedCase is a run that is killed after each of its durable operations.
type killedCase struct {
	chain, members bool
	issue          string // severity of the issue that the second export has
	// interrupted is what happens after a run that was interrupted: its export is "lost", or
	// it is "cancelled". The operations of that are filmed. Empty: the run is not interrupted.
	interrupted string
}

// options returns the options of a run into a directory.
func (c killedCase) options(t *testing.T, s *killedServer, dir string) Options {
	o := options(t, s.Server, dir)
	o.Parallel, o.Deleted = 1, DeletedList
	o.SinceAuto, o.NewMembers = c.chain, c.members
	if c.members {
		o.Request = remote.Request{Level: remote.Group, GroupID: "g"}
	}
	return o
}

// killedServer is a server whose exports differ. It deletes none of them.
type killedServer struct {
	*fetchtest.Server
	// gone is the number of the last export that the server no longer knows.
	gone atomic.Int64
}

// hour returns the transactionTime of the nth export.
func hour(n int) string {
	return time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
}

// server returns a server.
func (c killedCase) server(t *testing.T) *killedServer {
	s := &killedServer{}
	s.Server = fetchtest.New(t, fetchtest.Options{
		Faults: []fetchtest.Fault{
			fetchtest.Delete.Always(fetchtest.Reject(http.StatusNotImplemented)),
			fetchtest.Status.Always(func(_ *fetchtest.Server, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if n, _ := strconv.ParseInt(path.Base(r.URL.Path), 10, 64); n <= s.gone.Load() {
						fetchtest.Outcome(w, http.StatusGone, "expired")
						return
					}
					next.ServeHTTP(w, r)
				})
			}),
		},
		Export: func(n int, kickOff fetchtest.Request) []fetchtest.File {
			if kickOff.Query.Get("_type") == "Patient" { // the members
				return fetchtest.Files("Patient", 1, n)
			}
			files := append(fetchtest.Files("Patient", 2, n), fetchtest.Deletions("Bundle.1.ndjson", fmt.Sprintf("Patient/gone-%d", n)))
			if c.issue != "" && kickOff.Query.Get("_since") != "" {
				files = append(files, fetchtest.Issues("OperationOutcome.1.ndjson", c.issue, "lost"))
			}
			return files
		},
	})
	return s
}

// complete returns the manifests of the complete runs in a directory by their folders, and
// checks that their files are there and that nothing else is.
func (c killedCase) complete(t *testing.T, dir string) map[string]document {
	t.Helper()
	all := map[string]document{}
	files := tree(t, dir)
	for name, content := range files {
		if path.Base(name) == manifestName {
			var d document
			require.NoError(t, json.Unmarshal([]byte(content), &d))
			all[path.Dir(name)] = d
			out, err := output.Directory(filepath.Join(dir, filepath.Dir(name)))
			require.NoError(t, err)
			_, err = Verify(t.Context(), out, &recorder{t: t})
			require.NoError(t, err, name)
			log := files[path.Join(path.Dir(name), logName)]
			require.Equal(t, 1, strings.Count(log, `"eventId":"`+EventExportComplete+`"`), log)
		}
	}
	for name := range files {
		folder := "."
		if c.chain {
			folder, _, _ = strings.Cut(name, "/")
		}
		if folder != name {
			require.Contains(t, all, folder, "%s is in no complete run", name)
			require.Contains(t, files, path.Join(folder, deletionsName))
		} else if name != chainName {
			require.Contains(t, files[chainName], name, "%s is in no chain", name)
		}
	}
	return all
}

// requireUnbroken checks that each complete run of a chain begins where another complete
// run ended, and that the chain continues where the last one that counts ended.
func (c killedCase) requireUnbroken(t *testing.T, s *killedServer, dir string, complete map[string]document) {
	t.Helper()
	since, ended := map[string]string{}, map[string]bool{"": true}
	for n, r := range s.Requests(fetchtest.KickOff) {
		since[hour(n+1)] = r.Query.Get("_since")
	}
	var last string
	var counted int
	for _, folder := range slices.Sorted(maps.Keys(complete)) {
		d := complete[folder]
		require.Contains(t, since, d.TransactionTime)
		require.True(t, ended[since[d.TransactionTime]], "the changes since %s are skipped", since[d.TransactionTime])
		if len(d.Error) == 0 {
			ended[d.TransactionTime], last = true, d.TransactionTime
			counted++
		}
	}
	chains, err := readChains(t.Context(), c.options(t, s, dir).Output)
	require.NoError(t, err)
	require.Len(t, chains.Chains, 1)
	require.Equal(t, last, chains.Chains[0].TransactionTime)
	require.Equal(t, counted, chains.Chains[0].Runs)
}

// TestKilledRun kills a run after each of its durable operations. Afterwards, the same
// command again and fetch cancel leave complete runs only, and a chain without a gap,
// whether the export is still on the server or not. What is complete is never removed.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]killedCase{
		"one copy": {}, "chain": {chain: true, members: true},
		"chain with issues":   {chain: true, members: true, issue: "error"},
		"one copy, cancelled": {interrupted: "cancelled"},
		"chain, cancelled":    {chain: true, members: true, interrupted: "cancelled"},
		"chain, export lost":  {chain: true, members: true, interrupted: "lost"},
	} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, export gone %t", name, gone), func(t *testing.T) {
				t.Parallel()
				s := c.server(t)
				frames := c.film(t, s)
				if gone {
					s.gone.Store(int64(len(s.Requests(fetchtest.KickOff))))
				}
				for _, frame := range frames {
					t.Run(frame.name+", again", func(t *testing.T) { c.runAgain(t, s, frame, gone) })
					t.Run(frame.name+", cancelled", func(t *testing.T) { c.cancel(t, s, frame) })
				}
			})
		}
	}
}

// film runs a copy to its end, and returns what it left behind after each operation. In a
// chain, a complete run comes first.
func (c killedCase) film(t *testing.T, s *killedServer) []frame {
	t.Helper()
	dir := t.TempDir()
	if c.chain {
		_, err := Run(t.Context(), c.options(t, s, dir))
		require.NoError(t, err)
	}
	o := c.options(t, s, dir)
	filmed := &filmedOutput{Output: o.Output, t: t, dir: dir, dst: t.TempDir()}
	if c.interrupted != "" {
		interrupt(t, o)
	}
	o.Output = filmed
	switch c.interrupted {
	case "cancelled":
		complete, err := Cancel(t.Context(), o)
		require.NoError(t, err)
		require.False(t, complete)
		return filmed.frames
	case "lost":
		s.gone.Store(int64(len(s.Requests(fetchtest.KickOff))))
	}
	c.requireDone(t, o)
	return filmed.frames
}

// interrupt begins a run that is interrupted when it has stored a file.
func interrupt(t *testing.T, o Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Reporter = &recorder{t: t, on: func(e Event) {
		if e.Name == EventDownloadComplete && e.Text != "" {
			cancel()
		}
	}}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
}

// requireDone checks that a run ends as the case says.
func (c killedCase) requireDone(t *testing.T, o Options) {
	t.Helper()
	_, err := Run(t.Context(), o)
	if c.issue != "" {
		require.Equal(t, HasIssues, kindOfError(t, err))
		return
	}
	require.NoError(t, err)
}

// kept returns the folders of a frame that are complete.
func (f frame) kept(t *testing.T) (folders []string) {
	t.Helper()
	for name := range tree(t, f.dir) {
		if path.Base(name) == manifestName {
			folders = append(folders, path.Dir(name))
		}
	}
	return folders
}

// has reports whether a directory has a document.
func has(t *testing.T, dir, name string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, name))
	require.True(t, err == nil || errors.Is(err, fs.ErrNotExist))
	return err == nil
}

// runAgain runs the same command again.
func (c killedCase) runAgain(t *testing.T, s *killedServer, f frame, gone bool) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(f.dir)))
	kept, unfinished := f.kept(t), has(t, dir, stateName)
	if !c.chain {
		_, err := Run(t.Context(), c.options(t, s, dir))
		switch {
		case !unfinished && len(kept) > 0:
			require.ErrorContains(t, err, "has a complete export already")
		case err != nil:
			require.True(t, gone && unfinished && len(kept) == 0)
			require.Equal(t, Failed, kindOfError(t, err))
			_, err = c.end(t, s, dir)
			require.NoError(t, err)
			_, err = Run(t.Context(), c.options(t, s, dir))
			require.NoError(t, err)
		}
		c.requireComplete(t, s, dir, kept)
		return
	}
	c.requireDone(t, c.options(t, s, dir))
	c.requireComplete(t, s, dir, kept)
	c.requireDone(t, c.options(t, s, dir))
	c.requireComplete(t, s, dir, kept)
}

// cancel cancels the run, and runs the same command again.
func (c killedCase) cancel(t *testing.T, s *killedServer, f frame) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(f.dir)))
	kept := f.kept(t)
	unfinished := has(t, dir, stateName)
	_, err := c.end(t, s, dir)
	if !unfinished {
		require.ErrorContains(t, err, "has no unfinished run")
		return
	}
	require.NoError(t, err)
	require.False(t, has(t, dir, stateName))
	if c.chain || len(kept) > 0 {
		c.requireComplete(t, s, dir, kept)
	}
	if c.chain {
		c.requireDone(t, c.options(t, s, dir))
		c.requireComplete(t, s, dir, kept)
	}
}

// end cancels the run of a directory.
func (c killedCase) end(t *testing.T, s *killedServer, dir string) (complete bool, err error) {
	t.Helper()
	o := c.options(t, s, dir)
	return Cancel(t.Context(), Options{Output: o.Output, Connection: o.Connection, RetryFor: o.RetryFor, Reporter: o.Reporter})
}

// requireComplete checks that a directory has complete runs only, among them those that it
// had, and that no changes are skipped.
func (c killedCase) requireComplete(t *testing.T, s *killedServer, dir string, kept []string) {
	t.Helper()
	complete := c.complete(t, dir)
	for _, folder := range kept {
		require.Contains(t, complete, folder, "a complete run was removed")
	}
	if c.chain {
		c.requireUnbroken(t, s, dir, complete)
	} else {
		require.Len(t, complete, 1)
	}
}

// A run whose DELETE is interrupted is complete. The next call sends the DELETE again.
func TestInterruptedDelete(t *testing.T) {
	t.Parallel()
	for _, chain := range []bool{true, false} {
		t.Run(fmt.Sprintf("chain %t", chain), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 5), Faults: []fetchtest.Fault{
				fetchtest.Delete.Nth(1, fetchtest.Do(cancel), fetchtest.Stall()),
				fetchtest.Delete.Nth(2, fetchtest.Reject(http.StatusBadRequest)),
			}})
			dir := t.TempDir()
			o := options(t, s, dir)
			o.SinceAuto = chain
			_, err := Run(ctx, o)
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, has(t, dir, stateName))
			want := tree(t, dir)

			_, err = Cancel(t.Context(), o)
			require.ErrorContains(t, err, "does not delete the export")
			require.True(t, has(t, dir, stateName))
			require.Equal(t, 1, s.Exports())
			complete, err := Cancel(t.Context(), o)
			require.NoError(t, err)
			require.True(t, complete)
			require.Zero(t, s.Exports())
			got := tree(t, dir)
			delete(want, stateName)
			require.ElementsMatch(t, names(want), names(got))
			require.Len(t, s.Requests(fetchtest.Download), 2)
		})
	}
}

// A complete run is finished even if its server does not exist any more.
func TestFinishWithoutServer(t *testing.T) {
	t.Parallel()
	c := killedCase{chain: true}
	s := c.server(t)
	var last frame
	for _, f := range c.film(t, s) {
		if strings.HasSuffix(f.name, "write "+stateName) {
			last = f // the one with the mark
		}
	}
	o := c.options(t, s, last.dir)
	state, err := loadState(t.Context(), o.Output)
	require.NoError(t, err)
	require.NotNil(t, state.Completed)
	o.RetryFor, o.Login = time.Second, login.Options{Method: login.Secret, ClientID: "c", Secret: func() (string, error) { return "", errors.New("no secret") }}
	warned := false
	o.Reporter = &recorder{t: t, on: func(e Event) { warned = warned || strings.Contains(e.Text, "could not be deleted on the server") }}
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, warned)
	c.requireComplete(t, s, last.dir, nil)
}

// The folder of a run that is in its chain may be loaded and removed at once, even if the
// run was killed before its end. Nothing of it comes back.
func TestFolderIsTakenBeforeTheEnd(t *testing.T) {
	t.Parallel()
	c := killedCase{chain: true}
	s := c.server(t)
	var taken int
	for _, f := range c.film(t, s) {
		chain, err := os.ReadFile(filepath.Join(f.dir, chainName))
		require.NoError(t, err)
		if folder := "2026-01-01T02-00-00.000Z"; strings.Contains(string(chain), folder) && has(t, f.dir, stateName) {
			taken++
			require.NoError(t, os.RemoveAll(filepath.Join(f.dir, folder)))
			_, err := Run(t.Context(), c.options(t, s, f.dir))
			require.NoError(t, err)
			require.False(t, has(t, f.dir, folder))
			require.False(t, has(t, f.dir, stateName))
		}
	}
	require.NotZero(t, taken)
}
