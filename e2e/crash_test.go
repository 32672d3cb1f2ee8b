package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// asSluice makes the test's program behave as sluice itself, so that a test can
// start a process and kill it.
const asSluice = "SLUICE_TEST_AS_SLUICE"

func TestMain(m *testing.M) {
	if os.Getenv(asSluice) != "" {
		os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// The worker that holds an export's snapshot is killed in the middle of a part:
// another one ends the export, whole.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	j, address := newKilling(t)
	accepted := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusAccepted, accepted.status)
	// While this lock is held, the worker can't read the table.
	j.killWorker(`LOCK TABLE patient`, `SELECT EXISTS (SELECT FROM sluice.export WHERE state = 'running')`)

	j.start("worker")
	completed := j.poll(accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	j.download(completed.body, address+"/fhir/$export")
}

// So is one that has sent the blocks of a part, and nobody knows of them yet.
func TestWorkerKilledWithBlocks(t *testing.T) {
	t.Parallel()
	j, address := newKilling(t)
	const query = "/fhir/$export?organizeOutputBy=Patient"
	accepted := j.ask(http.MethodGet, address+query)
	require.Equal(t, http.StatusAccepted, accepted.status)
	j.killWorker(`LOCK TABLE sluice.file IN EXCLUSIVE MODE`, `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'sluice.file'::regclass AND NOT granted)`)

	j.start("worker")
	completed := j.poll(accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	c := &conformance{journey: j, transport: newTransport(t)}
	var manifest bulkManifest
	require.NoError(t, json.Unmarshal([]byte(completed.body), &manifest))
	require.Equal(t, map[string][]string{"Patient/p1": {"Patient/p1"}, "Patient/p2": {"Patient/p2"}}, c.requireBlocks(t, manifest))
}

// newKilling loads two patients and starts the API.
func newKilling(t *testing.T) (*journey, string) {
	t.Helper()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")
	file := filepath.Join(t.TempDir(), "patients.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients), 0o600))
	j.sluice(cli.ExitOK, "load", file)
	address, _ := j.start("api")
	return j, address
}

// killWorker starts a worker while the lock is held, and kills it when it has come
// so far.
func (j *journey) killWorker(lockSQL, farSQL string) {
	t, ctx := j.t, j.t.Context()
	t.Helper()
	database, err := pgx.Connect(ctx, j.database)
	require.NoError(t, err)
	defer func() { _ = database.Close(context.WithoutCancel(ctx)) }()
	lock, err := database.Begin(ctx)
	require.NoError(t, err)
	_, err = lock.Exec(ctx, lockSQL)
	require.NoError(t, err)
	victim := exec.CommandContext(ctx, os.Args[0], "worker", "--source-url="+j.database, "--s3-url="+j.bucket)
	victim.Env = append(os.Environ(), asSluice+"=1")
	require.NoError(t, victim.Start())
	require.Eventually(t, func() bool {
		var far bool
		err := lock.QueryRow(ctx, farSQL).Scan(&far)
		return err == nil && far
	}, patience, 20*time.Millisecond)
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait() // killed
	require.NoError(t, lock.Rollback(ctx))
}
