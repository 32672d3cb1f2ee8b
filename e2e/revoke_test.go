package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// The commands that end a client's rights cancel its exports: revoke and remove all
// of them, expire those that have not ended.
func TestExportsOfAClientThatEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command   []string
		completed string // what becomes of a completed export
	}{
		"Revoke":       {[]string{"client", "revoke", "a"}, "cancelled"},
		"Remove":       {[]string{"client", "remove", "a"}, "cancelled"},
		"ExpireNow":    {[]string{"client", "expire", "a", "now"}, "completed"},
		"ExpireBefore": {[]string{"client", "expire", "a", "2020-01-01"}, "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, address := newKilling(t)
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

// A process that is killed in the middle of a dump has said before that it began.
func TestAuditOfAKilledProcess(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")
	db, err := pgx.Connect(t.Context(), j.database)
	require.NoError(t, err)
	defer func() { _ = db.Close(t.Context()) }()
	_, err = db.Exec(t.Context(), `CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz, cts timestamptz,
			resource_type text, status text, resource jsonb NOT NULL);
		INSERT INTO patient (id, txid, resource) SELECT n::text, n, jsonb_build_object('text', repeat(md5(n::text), 3000)) FROM generate_series(1, 500) AS n`)
	require.NoError(t, err)

	log := &logBuffer{}
	victim := exec.CommandContext(t.Context(), os.Args[0], "api", "--source-url="+j.database, "--s3-url="+j.bucket, "--listen=127.0.0.1:0", "--log-format=json")
	victim.Env, victim.Stderr = append(os.Environ(), asSluice+"=1"), log
	require.NoError(t, victim.Start())
	require.Eventually(t, func() bool { return listening.MatchString(log.String()) }, patience, 10*time.Millisecond)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listening.FindStringSubmatch(log.String())[1]+"/Patient/$dump", http.NoBody)
	require.NoError(t, err)
	request.SetBasicAuth("a", "swordfish")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	_, err = bufio.NewReader(response.Body).ReadByte()
	require.NoError(t, err)

	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait() // killed
	_, err = io.Copy(io.Discard, response.Body)
	require.Error(t, err)
	require.Contains(t, log.String(), `"audit":{"action":"dump","outcome":"started","status":200`)
	require.NotContains(t, log.String(), `"bytes"`, "nothing says how it ended")
}
