package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// A process without a table to export logs that at start, and is not ready until there
// is one that it may read.
func TestNoTables(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"worker", "api"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			j := newJourney(t)
			sourcetest.Execute(t, j.database, `DROP TABLE medication; CREATE TABLE task (id serial, title text)`)
			j.sluice(cli.ExitOK, "migrate")
			role, reader := newRole(t, j.database)
			log, _ := j.launch(command, "--admin-listen=127.0.0.1:0", "--source-url="+reader)
			admin := "http://" + log.await(t, adminListening)
			require.Regexp(t, `"level":"WARN","msg":"nothing to export"`, log.String())
			require.Contains(t, j.requireReady(admin, http.StatusServiceUnavailable), `"tables":"failing"`)

			sourcetest.Execute(t, j.database, `CREATE TABLE patient (id text, txid bigint, ts timestamptz, resource jsonb)`)
			require.Contains(t, j.requireReady(admin, http.StatusServiceUnavailable), `"tables":"failing"`)
			sourcetest.Execute(t, j.database, `GRANT SELECT ON patient TO `+role)
			require.Contains(t, j.requireReady(admin, http.StatusOK), `"tables":"ok"`)
		})
	}
}

// The log says at start what exports will lack.
func TestTablesAtStart(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	const columns = `(id text, txid bigint, ts timestamptz, resource jsonb)`
	sourcetest.Execute(t, j.database, `CREATE TABLE patient `+columns+`; CREATE TABLE encounter `+columns+`; CREATE TABLE attribute `+columns+`;
		CREATE TABLE observation `+columns+`; CREATE TABLE observation_history `+columns+`;
		CREATE TABLE patient_history (id text, ts timestamptz)`)
	j.sluice(cli.ExitOK, "migrate")
	role, reader := newRole(t, j.database)
	sourcetest.Execute(t, j.database, `GRANT SELECT ON patient, observation, medication, patient_history TO `+role)
	log := j.startWorker("--source-url=" + reader)
	const denied = "the database role of the server has no SELECT privilege on it"
	for _, line := range []string{
		`"level":"WARN","msg":"tables cannot be read","types":["Encounter: table encounter cannot be read: ` + denied + `","Attribute: table attribute cannot be read: ` + denied + `"]`,
		`"level":"WARN","msg":"deletions cannot be listed","types":["Observation: table observation_history cannot be read: ` + denied + `"]`,
		`"level":"WARN","msg":"deletions cannot be listed for Groups and single patients","types":["Patient: table patient_history cannot be read: it has no column txid"]`,
		`"level":"INFO","msg":"deletions are not recorded: no history table","types":["Medication"]`,
	} {
		require.Contains(t, log.String(), line)
	}
}

// A mapping of a type that FHIR does not define is logged as a warning: a misspelled one
// takes the table from its type.
func TestMappedUnknownType(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourcetest.Execute(t, j.database, `CREATE TABLE main (id text, txid bigint, ts timestamptz, resource jsonb)`)
	j.sluice(cli.ExitOK, "migrate")
	log := j.startWorker("--table=Observations=main", "--table=Observation=medication")
	require.Contains(t, log.String(), `"level":"WARN","msg":"mapped types unknown to FHIR R4","types":["Observations"]`)
}

// A type whose rows are in two tables is exported if a mapping says which one to use.
// Processes without that mapping do not start.
func TestMappedTable(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	const columns = `(id text, txid bigint, ts timestamptz, resource_type text, resource jsonb)`
	sourcetest.Execute(t, j.database, `CREATE TABLE observation `+columns+`; CREATE TABLE observation_main `+columns+`; CREATE TABLE former `+columns+`;
		INSERT INTO observation VALUES ('old', 1, now(), 'Observation', '{}');
		INSERT INTO observation_main VALUES ('new', 1, now(), 'Observation', '{}');
		INSERT INTO former VALUES ('gone', 1, now(), 'Observation', '{}')`)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	address, stop := j.start("serve")
	refused := j.ask(http.MethodGet, address+"/fhir/$export")
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Contains(t, refused.body, "tables observation and former and observation_main cannot be read")
	stop()

	const mapping = "--table=Observation=observation_main,former"
	require.Contains(t, j.refused("serve", mapping), `tables: recorded "", own "Observation=observation_main,former"`)
	j.sluice(cli.ExitOK, "location", "record", "--s3-url="+j.bucket, mapping)
	address, _ = j.start("serve", mapping)
	dumped := j.ask(http.MethodGet, address+"/Observation/$dump")
	require.Contains(t, dumped.body, `"id": "new"`)
	require.NotContains(t, dumped.body, `"id": "old"`)
	done := j.poll(j.ask(http.MethodGet, address+"/fhir/$export?_type=Observation&_since="+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)).header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, done.status)
	require.Contains(t, done.body, "deleted/Observation.deleted")
	require.Empty(t, j.outcomes(done))
}
