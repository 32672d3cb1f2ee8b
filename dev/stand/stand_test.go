package stand_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/s3"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// envRoot makes this test binary run a stand in that directory until SIGTERM.
const envRoot = "STAND_TEST_ROOT"

func TestMain(m *testing.M) {
	s3.ServeIfGateway()
	if root := os.Getenv(envRoot); root != "" {
		os.Exit(standAlone(root))
	}
	os.Exit(m.Run())
}

// standAlone prints the URLs of database and bucket, or an error, in one line.
func standAlone(root string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	st, err := stand.Start(ctx, stand.Options{Root: root, Log: os.Stderr})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(st.DatabaseURL(), st.S3URL())
	<-ctx.Done()
	if err := st.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestTemporary(t *testing.T) {
	t.Parallel()

	st, err := stand.Start(t.Context(), stand.Options{Log: io.Discard})
	require.NoError(t, err)
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = st.Stop()
		}
	})

	require.Equal(t, "300", query(t, setting(t, st.TestSettings(), "TEST_DATABASE_URL"), "SHOW max_connections"))
	require.Equal(t, "0", query(t, st.DatabaseURL(), "SELECT count(*)::text FROM pg_stat_user_tables"))
	require.Equal(t, "4", query(t, st.DatabaseURL(), `SELECT octet_length(jsonb '[]'::bytea)::text`), "the stored form is a header")
	bucket := setting(t, st.TestSettings(), "TEST_S3_URL")
	require.Equal(t, http.StatusForbidden, status(t, bucket), "the bucket exists, and needs the key")
	require.DirExists(t, st.Dir)

	stopped = true
	require.NoError(t, st.Stop())
	require.NoDirExists(t, st.Dir)
	require.False(t, listening(t, st.DatabaseURL()))
	require.False(t, listening(t, bucket))
}

func TestPersistent(t *testing.T) {
	t.Parallel()
	root := directory(t)

	first := start(t, root)
	query(t, first.DatabaseURL(), "CREATE TABLE kept AS SELECT 'row' AS name; SELECT ''")
	require.NoError(t, first.SetSample(5))
	require.NoError(t, first.Stop())

	second := start(t, root)
	require.Equal(t, "row", query(t, second.DatabaseURL(), "SELECT name FROM kept"))
	require.Equal(t, 5, second.Sample())
	require.Equal(t, first.Settings(), second.Settings(), "URLs stay valid")

	require.NoError(t, second.Clear(t.Context()))
	require.Equal(t, "0", query(t, second.DatabaseURL(), "SELECT count(*)::text FROM pg_stat_user_tables"))
	require.NoError(t, second.Stop())

	third := start(t, root)
	require.Zero(t, third.Sample(), "there is no sample data after Clear")
	require.NoError(t, third.Stop())
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	root := directory(t)

	first := start(t, root)
	require.NoError(t, first.Stop())
	for _, entry := range []string{first.DatabaseURL(), first.S3URL()} {
		listener, err := net.Listen("tcp", parse(t, entry).Host)
		require.NoError(t, err)
		defer func() { require.NoError(t, listener.Close()) }()
	}

	second := start(t, root)
	require.NotEqual(t, parse(t, first.DatabaseURL()).Host, parse(t, second.DatabaseURL()).Host)
	require.NotEqual(t, parse(t, first.S3URL()).Host, parse(t, second.S3URL()).Host)
	require.Equal(t, "1", query(t, second.DatabaseURL(), "SELECT '1'"))
	require.NoError(t, second.Stop())
}

func TestSecondOwner(t *testing.T) {
	t.Parallel()
	root := directory(t)

	first := start(t, root)
	_, err := stand.Start(t.Context(), stand.Options{Root: root, Log: io.Discard})
	var running *stand.RunningError
	require.ErrorAs(t, err, &running)
	require.Equal(t, os.Getpid(), running.PID)
	require.Equal(t, "1", query(t, first.DatabaseURL(), "SELECT '1'"), "the first one keeps running")
	require.NoError(t, first.Stop())
}

// A server that exits without being stopped is reported, and its data is kept for the next
// start.
func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	root := directory(t)

	first := start(t, root)
	query(t, first.DatabaseURL(), "CREATE TABLE kept AS SELECT 'row' AS name; SELECT ''")
	require.NoError(t, syscall.Kill(postmaster(t, first.Dir), syscall.SIGKILL))
	<-first.Broken()
	require.NoError(t, first.Stop())

	second := start(t, root)
	require.Equal(t, "row", query(t, second.DatabaseURL(), "SELECT name FROM kept"))
	require.NoError(t, second.Stop())
}

// directory returns a directory that every user may access, unlike t.TempDir.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-test-") //nolint:usetesting // see above
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func start(t *testing.T, root string) *stand.Stand {
	t.Helper()
	st, err := stand.Start(t.Context(), stand.Options{Root: root, Log: io.Discard})
	require.NoError(t, err)
	return st
}

// query runs statements and returns the only value of the last one.
func query(t *testing.T, databaseURL, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()

	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
	last := results[len(results)-1]
	require.Len(t, last.Rows, 1)
	return string(last.Rows[0][0])
}

func setting(t *testing.T, settings []string, name string) string {
	t.Helper()
	for _, entry := range settings {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	require.Fail(t, "no setting "+name)
	return ""
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

func status(t *testing.T, raw string) int {
	t.Helper()
	u := parse(t, raw)
	u.User = nil
	response, err := http.Get(u.String())
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func listening(t *testing.T, raw string) bool {
	t.Helper()
	conn, err := net.Dial("tcp", parse(t, raw).Host)
	if err == nil {
		require.NoError(t, conn.Close())
	}
	return err == nil
}

// postmaster returns the process id of a stand's PostgreSQL.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(content), &pid)
	require.NoError(t, err)
	return pid
}
