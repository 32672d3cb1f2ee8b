package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// otherPrefix returns the URL of another prefix in the bucket.
func otherPrefix(bucket, prefix string) string {
	address, options, _ := strings.Cut(bucket, "?")
	return strings.TrimSuffix(address, "/") + "/" + prefix + "?" + options
}

// Processes with another source, bucket or mapping do not start.
func TestProcessesAgree(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	stdout, _ := j.sluice(cli.ExitOK, "location", "--s3-url="+j.bucket)
	require.Contains(t, stdout, "none recorded")
	address, _ := j.start("api")
	j.start("worker")
	j.requireReady(address, http.StatusOK)
	stdout, _ = j.sluice(cli.ExitOK, "location", "--s3-url="+j.bucket)
	require.NotContains(t, stdout, "differs")

	sourcetest.Execute(t, j.database, `CREATE SCHEMA other`)
	stderr := j.refused("worker", "--source-schema=other")
	require.Contains(t, stderr, `schema: recorded "public", own "other"`)
	require.NotContains(t, stderr, "prefix: recorded")
	stderr = j.refused("worker", "--s3-url="+otherPrefix(j.bucket, "moved"))
	require.Regexp(t, `prefix: recorded "[^"]*", own "[^"]*moved/"`, stderr)
	require.Contains(t, stderr, "sluice location record")
	stderr = j.refused("api", "--source-url="+sourcetest.Database(t))
	require.Contains(t, stderr, `database: recorded "sluice_test_`)
	stderr = j.refused("worker", "--s3-url=https://key:testsecret@s3.example.org/some-bucket")
	require.Contains(t, stderr, `endpoint: recorded "http://`)
	require.Contains(t, stderr, `own "https://s3.example.org"`)

	stdout, _ = j.sluice(cli.ExitOK, "location", "--s3-url="+j.bucket, "--source-schema=other")
	require.Regexp(t, `schema +public +other +differs`, stdout)
}

// A process whose role may not read the system identifier starts, and logs that it is not
// compared.
func TestSystemIdentifierDenied(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	sourcetest.Execute(t, j.database, `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
	_, reader := newRole(t, j.database)
	log := j.startWorker("--source-url=" + reader)
	require.Contains(t, log.String(), "source server not identified")

	address, _ := j.start("api")
	j.requireReady(address, http.StatusOK)
	stdout, _ := j.sluice(cli.ExitOK, "location", "--s3-url="+j.bucket)
	require.Regexp(t, `system identifier +(\d+) +\d+ *\n`, stdout)
}

// After a new location is recorded, processes with that location start, and those with
// the old one are not ready.
func TestLocationMoves(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	address, stop := j.start("api")
	j.requireReady(address, http.StatusOK)

	old := j.bucket
	stdout, _ := j.sluice(cli.ExitOK, "location", "record", "--s3-url="+old)
	require.Contains(t, stdout, "unchanged")
	j.requireReady(address, http.StatusOK)

	j.bucket = otherPrefix(old, "moved")
	stdout, _ = j.sluice(cli.ExitOK, "location", "record", "--s3-url="+j.bucket)
	require.Contains(t, stdout, "moved/")
	require.Contains(t, j.requireReady(address, http.StatusServiceUnavailable), `"location":"failing"`)
	require.Equal(t, cli.ExitOK, stop())
	fresh, _ := j.start("serve")
	j.requireReady(fresh, http.StatusOK)
	j.bucket = old
	j.refused("api")
}

// An export that is running when the location moves restarts at the new one. Workers of
// the old location do not continue it.
func TestLocationMovesUnderExport(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients + `{"resourceType":"Observation","id":"o1","status":"final"}`)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, j.database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	// The location moves while the worker has stored one part at the old location and
	// waits for a lock to store another.
	address, stopAPI := j.start("api")
	j.startWorker("--slots=2")
	_, err = conn.Exec(ctx, `
		CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
		CREATE TRIGGER wait_for_lock BEFORE INSERT ON sluice.file FOR EACH ROW WHEN (NEW.resource_type = 'Patient') EXECUTE FUNCTION wait_for_lock();
		SELECT pg_advisory_lock(4711)`)
	require.NoError(t, err)
	accepted := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusAccepted, accepted.status)
	awaitSQL(t, conn, `SELECT parts_done = 1 FROM sluice.export`)

	j.bucket = otherPrefix(j.bucket, "moved")
	j.sluice(cli.ExitOK, "location", "record", "--s3-url="+j.bucket)
	_, err = conn.Exec(ctx, `SELECT pg_advisory_unlock(4711)`)
	require.NoError(t, err)
	moved, _ := j.start("api")
	j.start("worker")

	location := moved + strings.TrimPrefix(accepted.header.Get("Content-Location"), address)
	completed := j.poll(location)
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	stale := j.ask(http.MethodGet, accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusServiceUnavailable, stale.status, "links to the old location: "+stale.body)
	require.Equal(t, cli.ExitOK, stopAPI())
	var manifest struct{ Output []struct{ Type, URL string } }
	require.NoError(t, json.Unmarshal([]byte(completed.body), &manifest))
	require.Len(t, manifest.Output, 2)
	for _, output := range manifest.Output {
		require.Contains(t, output.URL, "/moved/")
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, output.URL, http.NoBody)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, output.Type)
	}
}
