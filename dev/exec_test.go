package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/s3"
)

// envProgram makes this test binary run the program itself.
const envProgram = "STAND_TEST_PROGRAM"

func TestMain(m *testing.M) {
	s3.ServeIfGateway()
	if os.Getenv(envProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The command gets the servers' URLs and runs in the repository's root. Its output and exit
// code are not changed, and no files are left.
func TestExec(t *testing.T) {
	t.Parallel()
	script := `pwd; for url in "$SLUICE_STATE_URL" "$SLUICE_SOURCE_URL" "$TEST_DATABASE_URL" "$SLUICE_S3_URL" "$TEST_S3_URL"
		do echo "${url%%:*}"; done; ls -d "$TMPDIR"/sluice-stand-*/postgres >/dev/null || exit 1; echo problem >&2; exit 7`
	cmd, temporary := program(t, "exec", script)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	require.Equal(t, 7, process.ExitCode(cmd.Run()))
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	require.Equal(t, root+"\npostgres\npostgres\npostgres\nhttp\nhttp\n", stdout.String())
	require.Equal(t, "problem\n", stderr.String())
	requireEmpty(t, temporary)
}

// Ctrl-C reaches the command; processes that it leaves running are ended.
func TestExecInterrupted(t *testing.T) {
	t.Parallel()
	cmd, temporary := program(t, "exec", `sleep 600 & trap 'echo cleaned; exit 9' INT; echo started; wait`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)

	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	line, err = lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "cleaned\n", line)
	// The pipe is closed when the last process, the sleeping one, has exited.
	_, err = lines.ReadString('\n')
	require.Error(t, err)
	require.Equal(t, 9, process.ExitCode(cmd.Wait()))
	requireEmpty(t, temporary)
}

// The error is one line.
func TestNoUsablePostgres(t *testing.T) {
	t.Parallel()
	cmd, temporary := program(t, "exec", "true")
	cmd.Env = append(cmd.Env, "PG_BINDIR="+temporary)
	out, err := cmd.CombinedOutput()
	require.Equal(t, 1, process.ExitCode(err))
	require.Equal(t, "stand: PG_BINDIR="+temporary+": it does not contain initdb\n", string(out))
}

// The tests use the servers that the environment names. No stand is started, which would
// fail.
func TestTestsUseNamedServers(t *testing.T) {
	t.Parallel()
	cmd, temporary := program(t, "test", "--packages=./dev/process", "--args=-run ^TestTail$ -count=1")
	cmd.Env = append(cmd.Env, "TEST_DATABASE_URL=postgres://elsewhere", "TEST_S3_URL=http://elsewhere", "PG_BINDIR="+temporary)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.True(t, strings.HasPrefix(string(out), "ok"), string(out))
}

// program returns the stand's program in the repository's root, and its own directory for
// temporary files.
func program(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	temporary, err := os.MkdirTemp("", "sluice-test-") //nolint:usetesting // PostgreSQL's user cannot access t.TempDir
	require.NoError(t, err)
	require.NoError(t, os.Chmod(temporary, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(temporary)) })
	self, err := os.Executable()
	require.NoError(t, err)

	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), envProgram+"=yes", "TMPDIR="+temporary)
	return cmd, temporary
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
