package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// A state database with migrations that the program does not know is an error at start,
// and makes a running process not ready.
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

			j.addClient()
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
			time.Sleep(time.Second) // workers cache the result of their check for a second
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

// Tables of another program that uses a newer version of River do not matter.
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

// The error for missing privileges names them.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	owner := j.database
	role, limited := newRole(t, owner)
	j.database = limited
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

// A read-only state database is an error at start, and makes a running process not ready.
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
