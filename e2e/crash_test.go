package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A worker that holds an export's snapshot is killed while it reads a part: another one
// completes the export.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	j, address := newJourneyWithAPI(t)
	accepted := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusAccepted, accepted.status)
	// The lock keeps the worker from reading the table.
	j.killWorker(`LOCK TABLE patient`, `SELECT EXISTS (SELECT FROM sluice.export WHERE state = 'running')`)

	j.start("worker")
	completed := j.poll(accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	j.download(completed.body, address+"/fhir/$export")
}

// A worker is killed after it has uploaded the patient blocks of a part and before it
// records them.
func TestWorkerKilledWithBlocks(t *testing.T) {
	t.Parallel()
	j, address := newJourneyWithAPI(t)
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

// killWorker starts a worker while a lock is held, and kills it when the query returns
// true.
func (j *journey) killWorker(lockSQL, reachedSQL string) {
	t, ctx := j.t, j.t.Context()
	t.Helper()
	conn, err := pgx.Connect(ctx, j.database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	lock, err := conn.Begin(ctx)
	require.NoError(t, err)
	_, err = lock.Exec(ctx, lockSQL)
	require.NoError(t, err)
	worker := exec.CommandContext(ctx, os.Args[0], j.startArgs("worker")...)
	worker.Env = append(os.Environ(), asSluice+"=1")
	require.NoError(t, worker.Start())
	awaitSQL(t, lock, reachedSQL)
	require.NoError(t, worker.Process.Kill())
	_ = worker.Wait() // killed
	require.NoError(t, lock.Rollback(ctx))
}
