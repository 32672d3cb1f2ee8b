package stand_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The servers exit with a killed stand, and the next one has the data.
func TestKilledStand(t *testing.T) {
	t.Parallel()
	root := directory(t)

	cmd, line := another(t, root, nil)
	database, bucket, _ := strings.Cut(line, " ")
	query(t, database, "CREATE TABLE kept AS SELECT 'row' AS name; SELECT ''")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	if runtime.GOOS == "linux" {
		require.Eventually(t, func() bool { return !listening(t, database) && !listening(t, bucket) },
			2*time.Minute, 20*time.Millisecond, "the servers exit at once, not at the next start")
	}

	st := start(t, root)
	require.Equal(t, "row", query(t, st.DatabaseURL(), "SELECT name FROM kept"))
	require.NoError(t, st.Stop())
}

// In a container, another process soon has the pid of a dead server.
func TestReusedPID(t *testing.T) {
	t.Parallel()
	root := directory(t)
	first := start(t, root)
	require.NoError(t, first.Stop())

	owner, err := postgres.Owner()
	require.NoError(t, err)
	foreign, err := process.Start(process.Spec{Path: "/bin/sleep", Args: []string{"600"}, User: owner})
	require.NoError(t, err)
	defer func() { require.NoError(t, foreign.Stop(syscall.SIGTERM, time.Minute)) }()
	stale := []byte(strconv.Itoa(foreign.PID()) + "\n" + first.Dir + "/postgres\n")
	require.NoError(t, os.WriteFile(filepath.Join(first.Dir, "postgres", "postmaster.pid"), stale, 0o644))

	second := start(t, root)
	require.Equal(t, "1", query(t, second.DatabaseURL(), "SELECT '1'"))
	require.NoError(t, second.Stop())
	select {
	case <-foreign.Done():
		require.Fail(t, "the foreign process was stopped")
	default:
	}
}

// The next stand removes the directory of a killed temporary stand.
func TestSweep(t *testing.T) {
	t.Parallel()
	dead, err := os.MkdirTemp("", "sluice-stand-") //nolint:usetesting // the stand recognizes the name
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dead, "lock"), []byte("1\n"), 0o644))

	st, err := stand.Start(t.Context(), stand.Options{Log: io.Discard})
	require.NoError(t, err)
	require.NoDirExists(t, dead)
	require.DirExists(t, st.Dir)
	require.NoError(t, st.Stop())
}

// PostgreSQL's user cannot access root's own directories.
func TestUnreachableFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user runs PostgreSQL as that user")
	}
	root := directory(t)
	require.NoError(t, os.Chmod(root, 0o700))

	st := start(t, root)
	defer func() { require.NoError(t, os.RemoveAll(st.Dir)) }()
	require.NotEqual(t, root, filepath.Dir(st.Dir))
	linked, err := os.Readlink(filepath.Join(root, stand.Folder))
	require.NoError(t, err)
	require.Equal(t, st.Dir, linked)
	require.NoError(t, st.Stop())

	again := start(t, root)
	require.Equal(t, st.DatabaseURL(), again.DatabaseURL())
	require.NoError(t, again.Stop())
}

// A stand also works for an ordinary user, who gets an error if the directory is root's.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("all other tests cover it")
	}
	ordinary := &syscall.Credential{Uid: 65534, Gid: 65534}
	root := directory(t)
	require.NoError(t, os.Chown(root, 65534, 65534))

	cmd, line := another(t, root, ordinary)
	database, _, _ := strings.Cut(line, " ")
	require.Equal(t, "1", query(t, database, "SELECT '1'"))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())

	rooted := directory(t)
	st := start(t, rooted)
	require.NoError(t, st.Stop())
	cmd, line = another(t, rooted, ordinary)
	require.Contains(t, line, "belongs to another user")
	require.Error(t, cmd.Wait())
}

// another starts a stand in another process, and under another account if credential is not
// nil. It returns the line that the process prints.
func another(t *testing.T, root string, credential *syscall.Credential) (*exec.Cmd, string) {
	t.Helper()
	// Other users may not access the directory that go test builds in.
	program := filepath.Join(directory(t), "stand")
	self, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, content, 0o755))

	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), envRoot+"="+root, "HOME="+root)
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}
