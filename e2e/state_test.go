package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// refused runs a command that would serve, which must fail at its start, and
// returns the error that it logs last.
func (j *journey) refused(args ...string) string {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	common := []string{args[0], "--state-url=" + j.database, "--source-url=" + j.database, "--s3-url=" + j.bucket}
	if args[0] != "worker" {
		common = append(common, "--listen=127.0.0.1:0")
	}
	args = append(common, args[1:]...)
	require.Equal(j.t, cli.ExitFailed, cli.Run(ctx, args, &stdout, &stderr), "it started: %s", stderr.String())
	require.NotContains(j.t, stderr.String(), "testsecret")

	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	var last struct{ Level, Error string }
	require.NoError(j.t, json.Unmarshal([]byte(lines[len(lines)-1]), &last), stderr.String())
	require.Equal(j.t, "ERROR", last.Level)
	return last.Error
}

// requireReady waits until the readiness of the server has this status.
func (j *journey) requireReady(address string, status int) (body string) {
	j.t.Helper()
	require.Eventually(j.t, func() bool {
		got := j.ask(http.MethodGet, address+"/ready")
		body = got.body
		return got.status == status
	}, patience, 100*time.Millisecond)
	return body
}

// startWorker starts a worker and waits until it works.
func (j *journey) startWorker(args ...string) *logBuffer {
	j.t.Helper()
	log, _ := j.launch("worker", args...)
	log.await(j.t, regexp.MustCompile(`"(worker started)"`))
	return log
}

// requireSQL waits until the state database answers the query with true.
func (j *journey) requireSQL(sql string) {
	j.t.Helper()
	conn, err := pgx.Connect(j.t.Context(), j.database)
	require.NoError(j.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.Eventually(j.t, func() bool {
		var met bool
		require.NoError(j.t, conn.QueryRow(j.t.Context(), sql).Scan(&met))
		return met
	}, patience, 50*time.Millisecond, sql)
}

// withOptions returns the URL with these options of its sessions.
func withOptions(t *testing.T, address, options string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", options)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq's form
	return u.String()
}

// A state database with migrations that the program does not know is refused: at
// the start, and by the readiness of a process that runs.
func TestNewerStateDatabase(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]struct{ insert, remove string }{
		"Sluice's": {
			`INSERT INTO sluice.migration (version_id, is_applied) VALUES (90001, true)`,
			`DELETE FROM sluice.migration WHERE version_id = 90001`,
		},
		"River's": {
			`INSERT INTO sluice.river_migration (line, version) VALUES ('main', 900)`,
			`DELETE FROM sluice.river_migration WHERE version = 900`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJourney(t)
			j.sluice(cli.ExitOK, "migrate")
			address, _ := j.start("api")
			j.requireReady(address, http.StatusOK)

			j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")
			log := j.startWorker()

			sourcetest.Execute(t, j.database, sql.insert)
			for _, command := range []string{"api", "worker", "serve"} {
				stderr := j.refused(command)
				require.Contains(t, stderr, "newer")
				require.Contains(t, stderr, "900")
			}
			_, stderr := j.sluice(cli.ExitFailed, "client", "list")
			require.Contains(t, stderr, "newer")
			_, stderr = j.sluice(cli.ExitFailed, "migrate")
			require.Contains(t, stderr, "newer")
			require.Contains(t, j.requireReady(address, http.StatusServiceUnavailable), `"migrations":"failing"`)
			time.Sleep(time.Second) // a worker reuses the result of its check for a second
			accepted := j.ask(http.MethodGet, address+"/fhir/$export")
			require.Equal(t, http.StatusAccepted, accepted.status)
			log.await(t, regexp.MustCompile(`"msg":"(worker stopped taking jobs)"`))
			j.requireSQL(`SELECT state = 'available' OR (metadata->>'snoozes')::integer > 0 FROM sluice.river_job WHERE kind = 'sluice_export'`)

			sourcetest.Execute(t, j.database, sql.remove)
			j.requireReady(address, http.StatusOK)
			completed := j.poll(accepted.header.Get("Content-Location"))
			require.Equal(t, http.StatusOK, completed.status, completed.body)
			j.requireSQL(`SELECT attempt = 1 FROM sluice.river_job WHERE kind = 'sluice_export'`)
		})
	}
}

// Tables of another program that uses a newer River do not matter.
func TestOtherRiverTables(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourcetest.Execute(t, j.database, `
		CREATE TABLE river_migration (line text, version bigint);
		INSERT INTO river_migration VALUES ('main', 900)`)
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "list")
	address, _ := j.start("api")
	j.requireReady(address, http.StatusOK)
	j.requireSQL(`SELECT count(*) = 1 FROM river_migration`)
}

// newRole makes a role that may log in and do nothing else.
func newRole(t *testing.T, address string) string {
	t.Helper()
	role := "sluice_test_" + strings.ToLower(rand.Text())
	sourcetest.Execute(t, address, `CREATE ROLE `+role+` LOGIN PASSWORD 'another long one'`)
	t.Cleanup(func() { sourcetest.Execute(t, address, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	return role
}

// A role that lacks rights is told which.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	role := newRole(t, j.database)
	u, err := url.Parse(j.database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "another long one")
	owner := j.database
	j.database = u.String()
	list := func(code int) string {
		t.Helper()
		_, stderr := j.sluice(code, "client", "list")
		require.NotContains(t, stderr, "sluice migrate")
		return stderr
	}
	require.Contains(t, list(cli.ExitFailed), `USAGE on schema sluice`)
	sourcetest.Execute(t, owner, `GRANT USAGE ON SCHEMA sluice TO `+role)
	require.Contains(t, list(cli.ExitFailed), "sluice.export")
	sourcetest.Execute(t, owner, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sluice TO `+role)
	require.Contains(t, list(cli.ExitFailed), "sluice.river_job_id_seq")
	sourcetest.Execute(t, owner, `GRANT USAGE ON ALL SEQUENCES IN SCHEMA sluice TO `+role)
	list(cli.ExitOK)
	sourcetest.Execute(t, owner, `REVOKE INSERT ON sluice.river_job FROM `+role)
	stderr := list(cli.ExitFailed)
	require.Contains(t, stderr, "sluice.river_job")
	require.NotContains(t, stderr, "sluice.export")
	require.Contains(t, stderr, role)
}

// A state database that can't be written to is no place to start, and a server
// that runs on it is not ready.
func TestReadOnlyStateDatabase(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	address, _ := j.start("api")
	j.requireReady(address, http.StatusOK)
	u, err := url.Parse(j.database)
	require.NoError(t, err)
	name := pgx.Identifier{u.Path[1:]}.Sanitize()

	sourcetest.Execute(t, j.database, `ALTER DATABASE `+name+` SET default_transaction_read_only = on`)
	require.Contains(t, j.requireReady(address, http.StatusServiceUnavailable), `"database":"failing"`)
	stderr := j.refused("worker")
	require.Contains(t, stderr, "read-only")

	sourcetest.Execute(t, withOptions(t, j.database, "-c default_transaction_read_only=off"), `ALTER DATABASE `+name+` RESET default_transaction_read_only`)
	j.requireReady(address, http.StatusOK)
}
