package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// asSluice makes the test's program behave as sluice itself, so that a test can
// start a process and kill it.
const asSluice = "SLUICE_TEST_AS_SLUICE"

func TestMain(m *testing.M) {
	if os.Getenv(asSluice) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// The worker that holds an export's snapshot is killed in the middle of a part:
// another one ends the export, whole.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")
	j.sluice(exitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")
	file := filepath.Join(t.TempDir(), "patients.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients), 0o600))
	j.sluice(exitOK, "load", file)

	database, err := pgx.Connect(ctx, j.database)
	require.NoError(t, err)
	defer func() { _ = database.Close(context.WithoutCancel(ctx)) }()
	address, _ := j.start("api")
	accepted := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusAccepted, accepted.status)

	// While this lock is held, the worker can't read the table.
	lock, err := database.Begin(ctx)
	require.NoError(t, err)
	_, err = lock.Exec(ctx, `LOCK TABLE patient`)
	require.NoError(t, err)
	victim := exec.CommandContext(ctx, os.Args[0], "worker", "--database-url="+j.database, "--s3-url="+j.bucket)
	victim.Env = append(os.Environ(), asSluice+"=1")
	require.NoError(t, victim.Start())
	require.Eventually(t, func() bool {
		var running bool
		err := lock.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sluice.export WHERE state = 'running')`).Scan(&running)
		return err == nil && running
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait() // killed
	require.NoError(t, lock.Rollback(ctx))

	j.start("worker")
	completed := j.poll(accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	j.download(completed.body, address+"/fhir/$export")
}
