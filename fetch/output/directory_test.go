package output_test

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// open returns the output to a directory.
func open(t *testing.T, dir string) output.Output {
	t.Helper()
	out, err := output.Directory(dir)
	require.NoError(t, err)
	return out
}

// noWarning ignores warnings.
func noWarning(string) {}

// files returns the files below a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

// content returns what Partial returns.
func content(t *testing.T, f output.File) string {
	t.Helper()
	r, err := f.Partial(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	all, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(all)
}

func TestDirectoryFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "out")
	out := open(t, dir)

	f, err := out.Create(t.Context(), "deleted/Bundle.0001.ndjson")
	require.NoError(t, err)
	_, err = f.Write([]byte("{}\n{"))
	require.NoError(t, err)
	require.Equal(t, []string{"deleted/Bundle.0001.ndjson.part"}, files(t, dir))
	require.NoError(t, f.Close())

	f, err = open(t, dir).Create(t.Context(), "deleted/Bundle.0001.ndjson")
	require.NoError(t, err)
	require.Equal(t, "{}\n{", content(t, f))
	require.NoError(t, f.Truncate(3))
	require.Equal(t, "{}\n", content(t, f))
	_, err = f.Write([]byte("[]\n"))
	require.NoError(t, err)
	require.NoError(t, f.SetName("deleted/Bundle.0001.ndjson.gz"))
	require.NoError(t, f.Publish(t.Context()))
	require.NoError(t, f.Close())
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, fs.ErrClosed)

	require.Equal(t, []string{"deleted/Bundle.0001.ndjson.gz"}, files(t, dir))
	r, err := out.Open(t.Context(), "deleted/Bundle.0001.ndjson.gz")
	require.NoError(t, err)
	all, err := io.ReadAll(r)
	require.NoError(t, errors.Join(err, r.Close()))
	require.Equal(t, "{}\n[]\n", string(all))
	_, err = out.Open(t.Context(), "none")
	require.ErrorIs(t, err, output.ErrNotExist)
}

func TestDirectoryPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	out := open(t, dir)
	f, err := out.Create(t.Context(), "a/b")
	require.NoError(t, err)
	require.NoError(t, f.Publish(t.Context()))
	require.NoError(t, out.WriteDocument(t.Context(), "state.json", []byte("{}")))
	for name, want := range map[string]fs.FileMode{".": 0o700, "a": 0o700, "a/b": 0o600, "state.json": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

func TestDirectoryReject(t *testing.T) {
	dir := t.TempDir()
	out := open(t, dir)
	f, err := out.Create(t.Context(), "a.ndjson")
	require.NoError(t, err)
	require.NoError(t, f.SetName("a.ndjson.gz"))
	require.NoError(t, f.Reject(t.Context()))
	require.Equal(t, []string{"a.ndjson.gz.bad"}, files(t, dir))
}

func TestDirectoryDocuments(t *testing.T) {
	dir := t.TempDir()
	out := open(t, dir)
	_, err := out.ReadDocument(t.Context(), "sub/state.json")
	require.ErrorIs(t, err, output.ErrNotExist)
	for _, text := range []string{"a long document", "short"} {
		require.NoError(t, out.WriteDocument(t.Context(), "sub/state.json", []byte(text)))
		got, err := out.ReadDocument(t.Context(), "sub/state.json")
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	require.Equal(t, []string{"sub/state.json"}, files(t, dir))
	for range 2 {
		require.NoError(t, out.RemoveDocument(t.Context(), "sub/state.json"))
	}
	require.Empty(t, files(t, dir))
}

func TestDirectoryDiscard(t *testing.T) {
	dir := t.TempDir()
	out := open(t, dir)
	f, err := out.Create(t.Context(), "a")
	require.NoError(t, err)
	_, err = f.Write([]byte("{"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, []string{"a.part"}, files(t, dir))
	for range 2 {
		require.NoError(t, out.Discard(t.Context(), "a"))
	}
	require.Empty(t, files(t, dir))
}

func TestDirectoryKeepsNoEmptyFiles(t *testing.T) {
	dir := t.TempDir()
	f, err := open(t, dir).Create(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	require.Empty(t, files(t, dir))
}

func TestNames(t *testing.T) {
	out := open(t, t.TempDir())
	for _, name := range []string{
		"", ".", "..", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", `a\b`, "C:a", "a:b", "a*", "a?", "a\x00", "a\n", "a\xff",
		"CON", "con.ndjson", "x/aux.gz", "COM1", "lpt9.txt", "NUL .x", "a.", "a ", "a./b", ".sluice-fetch.lock", "a.part", "a.bad", "a.tmp",
		strings.Repeat("a", 241),
	} {
		_, err := out.Create(t.Context(), name)
		require.ErrorContains(t, err, "invalid file name", "%q", name)
		require.Error(t, out.WriteDocument(t.Context(), name, nil), "%q", name)
		_, err = out.Open(t.Context(), name)
		require.Error(t, err, "%q", name)
	}
	for _, name := range []string{"Patient.0001.ndjson.gz", "deleted/Bundle.0001.ndjson", ".sluice-fetch.json", "console", "COM10", "a b", "é", strings.Repeat("a", 240)} {
		f, err := out.Create(t.Context(), name)
		require.NoError(t, err, "%q", name)
		require.NoError(t, f.Publish(t.Context()))
	}
}

func TestDirectoryKeepsWithinItself(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	_, err := open(t, dir).Create(t.Context(), "link/a")
	require.Error(t, err)
	require.Empty(t, files(t, outside))
}

func TestDirectoryLock(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // it can be taken again
		held, unlock, err := open(t, dir).Lock(t.Context(), noWarning)
		require.NoError(t, err)
		require.NoError(t, held.Err())
		_, _, err = open(t, dir).Lock(t.Context(), noWarning)
		require.ErrorIs(t, err, output.ErrLocked)
		unlock()
		require.Empty(t, files(t, dir))
	}
}

// lockEnv makes a test process lock a directory and wait to be killed.
const lockEnv = "OUTPUT_TEST_LOCK"

func TestDirectoryLockEndsWithTheProcess(t *testing.T) {
	if dir := os.Getenv(lockEnv); dir != "" {
		_, _, err := open(t, dir).Lock(t.Context(), noWarning)
		require.NoError(t, err)
		_, _ = os.Stdout.WriteString("locked\n")
		select {}
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run", "^TestDirectoryLockEndsWithTheProcess$")
	child.Env = append(os.Environ(), lockEnv+"="+dir)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "locked\n", line)

	_, _, err = open(t, dir).Lock(t.Context(), noWarning)
	require.ErrorIs(t, err, output.ErrLocked)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	_, unlock, err := open(t, dir).Lock(t.Context(), noWarning)
	require.NoError(t, err)
	unlock()
}
