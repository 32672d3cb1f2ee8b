package e2e

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// fetchFiles are the files of a small export.
func fetchFiles() []fetchtest.File {
	files := append(fetchtest.Files("Patient", 2, 400), fetchtest.Files("Observation", 2, 200)...)
	return append(files,
		fetchtest.Deletions("Bundle.1.ndjson", "Patient/gone", "Observation/gone"),
		fetchtest.Issues("OperationOutcome.1.ndjson", "information", "one note"))
}

// fetcher runs `sluice fetch` as processes, one after the other, that can be killed while
// they run. All of them write to the same directory.
type fetcher struct {
	t    *testing.T
	dir  string
	out  string // the directory, or another output
	args []string
	env  []string

	mu      sync.Mutex
	process *os.Process
	exited  chan struct{}
	output  logBuffer
}

// newFetcher returns a fetcher that writes to a new directory.
func newFetcher(t *testing.T, args ...string) *fetcher {
	t.Helper()
	dir := t.TempDir()
	return &fetcher{t: t, dir: dir, out: dir, args: args}
}

// run runs `sluice fetch` and returns its exit code, which is -1 if it was killed.
func (f *fetcher) run(server string) int {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"fetch", server, "-o", f.out}, f.args...)...)
	cmd.Env = append(append(os.Environ(), asSluice+"=1"), f.env...)
	cmd.Stdout, cmd.Stderr = &f.output, &f.output
	f.mu.Lock()
	err := cmd.Start()
	f.process, f.exited = cmd.Process, make(chan struct{})
	f.mu.Unlock()
	require.NoError(f.t, err)
	_ = cmd.Wait() // the exit code says it
	close(f.exited)
	require.NoError(f.t, ctx.Err(), f.output.String())
	return cmd.ProcessState.ExitCode()
}

// complete runs `sluice fetch`, which must succeed, and returns what it has stored.
func (f *fetcher) complete(server string) map[string]string {
	f.t.Helper()
	require.Equal(f.t, cli.ExitOK, f.run(server), f.output.String())
	return directoryContent(f.t, f.dir)
}

// isComplete reports whether a run has completed, though it may have been killed after
// that.
func (f *fetcher) isComplete() bool {
	_, noManifest := os.Stat(filepath.Join(f.dir, "manifest.json"))
	_, noState := os.Stat(filepath.Join(f.dir, ".sluice-fetch.json"))
	return noManifest == nil && noState != nil
}

// kill kills the running process, as kill -9 does, and returns when it has ended.
func (f *fetcher) kill() { f.signal(os.Kill) }

// signal sends a signal to the running process and returns when it has ended.
func (f *fetcher) signal(signal os.Signal) { <-f.send(signal) }

// send sends a signal to the running process. The result is closed when it has ended.
func (f *fetcher) send(signal os.Signal) (exited <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.process.Signal(signal) // it may have ended by itself
	return f.exited
}

// variable matches what differs between copies of the same export: the address of the
// server, the number of the export in its paths, and the identifier of the copy.
var variable = regexp.MustCompile(`127\.0\.0\.1:\d+|/(files|bucket)/\d+/|"exportId": *"[^"]+"`)

// directoryContent returns the files of a directory by their names, without the log, in
// which times and attempts differ, and without what differs between servers.
func directoryContent(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Base(name) == "log.ndjson" || strings.HasSuffix(name, ".lock") {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = variable.ReplaceAllString(string(content), "…")
		return err
	}))
	return all
}

// requireSameFiles compares two directories without printing their files.
func requireSameFiles(t *testing.T, want, got map[string]string) {
	t.Helper()
	var differences []string
	for name, content := range want {
		if other, exists := got[name]; !exists {
			differences = append(differences, name+" is missing")
		} else if other != content {
			differences = append(differences, name+" differs")
		}
	}
	for name := range got {
		if _, exists := want[name]; !exists {
			differences = append(differences, name+" should not be there")
		}
	}
	require.Empty(t, differences, "compared with an undisturbed run")
}
