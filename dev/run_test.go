package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// Every command that make run prints works when pasted, the data is kept for the next run,
// and Ctrl-C is a success.
func TestRun(t *testing.T) {
	t.Parallel()
	root := builtRepository(t)

	first := startRun(t, root, "--size=600")
	require.Contains(t, first.printed, "Loading sample data (600 resources)")
	out := paste(t, first.printed)
	require.Contains(t, out, `{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, `, "the plain dump")
	require.Contains(t, out, `{"id":"pt-1","meta":{"versionId":481,`, "the dump in FHIR format")
	require.Regexp(t, `(?m)^HTTP/1.1 202 `, out, "the asynchronous dump")
	require.Regexp(t, `(?m): \d+ files, 60\d resources, .* transactionTime 20`, out, "the copied export")
	require.Regexp(t, `(?m)^ +60\d resources$`, out, "the dump to files")
	require.Regexp(t, `(?ms)^-.* Patient\.0001\.ndjson\.gz$.*^-.* Patient\.0001\.ndjson\.gz$`, out, "the files of both")
	require.Regexp(t, `(?m)^ +[1-9]\d+ .*/Patient\.0001\.ndjson$`, out, "the downloaded export")
	require.Contains(t, out, "observation_id,patient_id,encounter_id,status,effective,systolic,diastolic,unit\n", "the streamed view")
	for _, view := range []string{"patient_demographics", "blood_pressure", "encounters"} {
		require.Regexp(t, `(?m)^-.* [1-9]\d+ .*/`+view+`\.0001\.parquet$`, out, "the downloaded table")
	}

	_, err := commandAt(root, "run").Output()
	require.ErrorContains(t, err, "exit status 1", "a second one at the same time")
	first.stop(t)

	second := startRun(t, root)
	require.NotContains(t, second.printed, "Loading sample data")
	require.Contains(t, paste(t, second.printed), `{"id":"pt-1",`)
	second.stop(t)

	third := startRun(t, root, "--size=700")
	require.Contains(t, third.printed, "The sample data has 600 resources; replacing it.")
	third.stop(t)
}

// The error of a product that does not start ends with its output.
func TestRunBrokenProduct(t *testing.T) {
	t.Parallel()
	root := emptyRepository(t)
	program := filepath.Join(root, "bin", "sluice")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho no such setting >&2\nexit 2\n"), 0o755))

	out, err := commandAt(root, "run").CombinedOutput()
	require.Equal(t, 1, process.ExitCode(err))
	require.Equal(t, "stand: sluice migrate: exit status 2\nno such setting\n", string(out))
}

// running is a make run that has printed the commands.
type running struct {
	cmd     *exec.Cmd
	out     io.Reader
	printed string
}

func startRun(t *testing.T, root string, args ...string) *running {
	t.Helper()
	cmd := commandAt(root, append([]string{"run"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })

	var printed strings.Builder
	lines := bufio.NewReader(out)
	for !strings.Contains(printed.String(), "Ctrl-C stops everything") {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, printed.String())
		printed.WriteString(line)
	}
	return &running{cmd: cmd, out: lines, printed: printed.String()}
}

// stop sends Ctrl-C.
func (r *running) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(r.out)
	require.NoError(t, err)
	require.NoError(t, r.cmd.Wait())
	require.Equal(t, "\nStopping …\n", string(rest))
}

var commandPattern = regexp.MustCompile(`(?m)^  (.*\n)`)

// paste runs all printed commands except psql, which may not be installed, in one shell
// that stops at the first failure, and returns their output.
func paste(t *testing.T, printed string) string {
	t.Helper()
	var script strings.Builder
	for _, match := range commandPattern.FindAllStringSubmatch(printed, -1) {
		if !strings.HasPrefix(match[1], "psql ") && !strings.HasPrefix(match[1], "http") {
			script.WriteString(match[1])
		}
	}
	commands := strings.NewReplacer("/tmp/sluice-fetch", t.TempDir(), "/tmp/sluice-dump", t.TempDir(), "/tmp/sluice-export", t.TempDir(), "/tmp/sluice-tables", t.TempDir()).Replace(script.String())
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-e", "-c", commands)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// commandAt returns the stand's program in a repository's root.
func commandAt(root string, args ...string) *exec.Cmd {
	// The test stops it with a signal, as a user does.
	cmd := exec.CommandContext(context.Background(), os.Args[0], args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), envProgram+"=yes")
	return cmd
}

// builtRepository returns the root of a repository in which make build has run.
func builtRepository(t *testing.T) string {
	t.Helper()
	root := emptyRepository(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "..", "-buildvcs=false", "-o", filepath.Join(root, "bin", "sluice"), ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return root
}

func emptyRepository(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("", "sluice-test-") //nolint:usetesting // PostgreSQL's user cannot access t.TempDir
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	for _, dir := range []string{"dev", "bin", "docs"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.CopyFS(filepath.Join(root, "docs", "views"), os.DirFS(filepath.Join("..", "docs", "views"))))
	require.NoError(t, os.WriteFile(filepath.Join(root, "dev", "go.mod"), nil, 0o644))
	return root
}
