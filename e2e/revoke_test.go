package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// Commands that end the access of a client cancel its exports: revoke and remove all of
// them, expire those that have not ended.
func TestExportsOfEndedClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command   []string
		completed string // state of a completed export afterwards
	}{
		"Revoke":       {[]string{"client", "revoke", "a"}, "cancelled"},
		"Remove":       {[]string{"client", "remove", "a"}, "cancelled"},
		"ExpireNow":    {[]string{"client", "expire", "a", "now"}, "completed"},
		"ExpireBefore": {[]string{"client", "expire", "a", "2020-01-01"}, "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, address := newJourneyWithAPI(t)
			db, err := pgx.Connect(t.Context(), j.database)
			require.NoError(t, err)
			defer func() { _ = db.Close(t.Context()) }()
			states := func() (states []string) {
				require.NoError(t, db.QueryRow(t.Context(), `SELECT array_agg(state::text ORDER BY created_at) FROM sluice.export`).Scan(&states))
				return states
			}

			_, stopWorker := j.start("worker")
			first := j.ask(http.MethodGet, address+"/fhir/$export")
			completed := j.poll(first.header.Get("Content-Location"))
			require.Equal(t, http.StatusOK, completed.status, completed.body)
			stopWorker()
			require.Equal(t, http.StatusAccepted, j.ask(http.MethodGet, address+"/fhir/$export").status)
			require.Equal(t, []string{"completed", "accepted"}, states())

			stdout, _ := j.sluice(cli.ExitOK, test.command...)
			require.Equal(t, []string{test.completed, "cancelled"}, states())
			require.Contains(t, stdout, "exports cancelled: ")
		})
	}
}

// A process that is killed during a dump has logged an audit event at its start.
func TestAuditOfKilledProcess(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	db, err := pgx.Connect(t.Context(), j.database)
	require.NoError(t, err)
	defer func() { _ = db.Close(t.Context()) }()
	_, err = db.Exec(t.Context(), `CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz, cts timestamptz,
			resource_type text, status text, resource jsonb NOT NULL);
		INSERT INTO patient (id, txid, resource) SELECT n::text, n, jsonb_build_object('text', repeat(md5(n::text), 3000)) FROM generate_series(1, 500) AS n`)
	require.NoError(t, err)

	log := &logBuffer{}
	server := exec.CommandContext(t.Context(), os.Args[0], j.startArgs("api")...)
	server.Env, server.Stderr = append(os.Environ(), asSluice+"=1"), log
	require.NoError(t, server.Start())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+log.await(t, apiStarted)+"/Patient/$dump", http.NoBody)
	require.NoError(t, err)
	request.SetBasicAuth("a", "swordfish")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	_, err = bufio.NewReader(response.Body).ReadByte()
	require.NoError(t, err)

	require.NoError(t, server.Process.Kill())
	_ = server.Wait() // killed
	_, err = io.Copy(io.Discard, response.Body)
	require.Error(t, err)
	require.Contains(t, log.String(), `"audit":{"action":"dump","outcome":"started","status":200`)
	require.NotContains(t, log.String(), `"bytes"`, "no event has its end")
}
