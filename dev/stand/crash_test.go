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

// However a stand goes, its servers go with it, and the next one finds the data.
func TestKilledStand(t *testing.T) {
	t.Parallel()
	root := folder(t)

	cmd, line := another(t, root, nil)
	database, bucket, _ := strings.Cut(line, " ")
	query(t, database, "CREATE TABLE kept AS SELECT 'row' AS name; SELECT ''")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	if runtime.GOOS == "linux" {
		require.Eventually(t, func() bool { return !listening(t, database) && !listening(t, bucket) },
			2*time.Minute, 20*time.Millisecond, "the servers go at once, not at the next start")
	}

	place := start(t, root)
	require.Equal(t, "row", query(t, place.DatabaseURL(), "SELECT name FROM kept"))
	require.NoError(t, place.Stop())
}

// In a container the number of a dead server soon belongs to another process.
func TestForeignProcessHasTheOldNumber(t *testing.T) {
	t.Parallel()
	root := folder(t)
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
		require.Fail(t, "the foreign process was ended")
	default:
	}
}

// What a killed throw-away stand leaves is removed by the next stand.
func TestSweep(t *testing.T) {
	t.Parallel()
	dead, err := os.MkdirTemp("", "sluice-stand-") //nolint:usetesting // the name is what the stand looks for
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dead, "lock"), []byte("1\n"), 0o644))

	place, err := stand.Start(t.Context(), stand.Options{Log: io.Discard})
	require.NoError(t, err)
	require.NoDirExists(t, dead)
	require.DirExists(t, place.Dir)
	require.NoError(t, place.Stop())
}

// Root's own folders are closed to the user that PostgreSQL runs under.
func TestUnreachableFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user runs PostgreSQL under the own name")
	}
	root := folder(t)
	require.NoError(t, os.Chmod(root, 0o700))

	place := start(t, root)
	defer func() { require.NoError(t, os.RemoveAll(place.Dir)) }()
	require.NotEqual(t, root, filepath.Dir(place.Dir))
	linked, err := os.Readlink(filepath.Join(root, stand.Folder))
	require.NoError(t, err)
	require.Equal(t, place.Dir, linked)
	require.NoError(t, place.Stop())

	again := start(t, root)
	require.Equal(t, place.DatabaseURL(), again.DatabaseURL())
	require.NoError(t, again.Stop())
}

// Root can see that it works for an ordinary user, too, and what that user
// reads when the folder is root's.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("every other test has shown it")
	}
	ordinary := &syscall.Credential{Uid: 65534, Gid: 65534}
	root := folder(t)
	require.NoError(t, os.Chown(root, 65534, 65534))

	cmd, line := another(t, root, ordinary)
	database, _, _ := strings.Cut(line, " ")
	require.Equal(t, "1", query(t, database, "SELECT '1'"))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())

	rooted := folder(t)
	place := start(t, rooted)
	require.NoError(t, place.Stop())
	cmd, line = another(t, rooted, ordinary)
	require.Contains(t, line, "belongs to another user")
	require.Error(t, cmd.Wait())
}

// another starts a stand in another process, of another user when one is
// given, and returns the line it prints.
func another(t *testing.T, root string, credential *syscall.Credential) (*exec.Cmd, string) {
	t.Helper()
	// Not everybody may pass the folder that go test builds in.
	program := filepath.Join(folder(t), "stand")
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
