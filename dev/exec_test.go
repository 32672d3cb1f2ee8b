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

// envProgram makes this test program the program itself.
const envProgram = "STAND_TEST_PROGRAM"

func TestMain(m *testing.M) {
	s3.ServeIfGateway()
	if os.Getenv(envProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The command sees its servers at the repository's root; its output and its
// exit code come through as they are, and nothing stays behind.
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

// Ctrl-C reaches the command; what it leaves running is ended as well.
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
	// The pipe ends with the last process that holds it, the sleeping one.
	_, err = lines.ReadString('\n')
	require.Error(t, err)
	require.Equal(t, 9, process.ExitCode(cmd.Wait()))
	requireEmpty(t, temporary)
}

// Trouble is one sentence.
func TestNoUsablePostgres(t *testing.T) {
	t.Parallel()
	cmd, temporary := program(t, "exec", "true")
	cmd.Env = append(cmd.Env, "PG_BINDIR="+temporary)
	out, err := cmd.CombinedOutput()
	require.Equal(t, 1, process.ExitCode(err))
	require.Equal(t, "stand: PG_BINDIR="+temporary+": there is no initdb in it\n", string(out))
}

// With servers named by the environment the tests use those, and no stand is
// started: it would have no place.
func TestTestsUseNamedServers(t *testing.T) {
	t.Parallel()
	cmd, temporary := program(t, "test", "--packages=./dev/process", "--args=-run ^TestTail$ -count=1")
	cmd.Env = append(cmd.Env, "TEST_DATABASE_URL=postgres://elsewhere", "TEST_S3_URL=http://elsewhere", "PG_BINDIR="+temporary)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.True(t, strings.HasPrefix(string(out), "ok"), string(out))
}

// program is the stand's program, at the repository's root, with a folder of
// its own for temporary files, whose path is the second result.
func program(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	temporary, err := os.MkdirTemp("", "sluice-test-") //nolint:usetesting // PostgreSQL's user can't pass t.TempDir's parent
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
