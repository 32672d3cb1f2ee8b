package e2e

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// sqlBlock matches a block of SQL in a document.
var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// documentedRoles creates the roles and the database of docs/security.md, with the roles
// that the document names. Names get a suffix, since they belong to the server. It
// returns the URLs of the source and the state database for these roles.
func documentedRoles(t *testing.T, sourceURL string) (reader, owner string) {
	t.Helper()
	page, err := os.ReadFile("../docs/security.md")
	require.NoError(t, err)
	blocks := sqlBlock.FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 3)
	suffix := "_" + strings.ToLower(rand.Text())
	run := func(sql string) {
		sql = strings.NewReplacer("sluice_reader", "sluice_reader"+suffix, "sluice_state", "sluice_state"+suffix,
			"DATABASE sluice ", "DATABASE sluice"+suffix+" ", "tables_owner", "tables_owner"+suffix).Replace(sql)
		for statement := range strings.SplitSeq(sql, ";\n") {
			sourcetest.Execute(t, sourceURL, statement)
		}
	}
	run(blocks[0][1])
	t.Cleanup(func() { run("DROP OWNED BY sluice_reader;\nDROP ROLE sluice_reader") })
	run(`CREATE ROLE tables_owner;
ALTER TABLE patient OWNER TO tables_owner; ALTER TABLE patient_history OWNER TO tables_owner;
ALTER TABLE observation OWNER TO tables_owner; ALTER TABLE observation_history OWNER TO tables_owner`)
	t.Cleanup(func() { run("REASSIGN OWNED BY tables_owner TO CURRENT_USER;\nDROP ROLE tables_owner") })
	run("SET ROLE tables_owner; " + strings.ReplaceAll(blocks[1][1], ";\n", "; "))
	run(blocks[2][1])
	t.Cleanup(func() { run("DROP DATABASE sluice WITH (FORCE);\nDROP ROLE sluice_state") })

	as := func(database, role, password string) string {
		u, err := url.Parse(sourceURL)
		require.NoError(t, err)
		u.User = url.UserPassword(role+suffix, password)
		u.Path = database
		return u.String()
	}
	source, err := url.Parse(sourceURL)
	require.NoError(t, err)
	return as(source.Path, "sluice_reader", "a long one"), as("/sluice"+suffix, "sluice_state", "another long one")
}

// The roles of docs/security.md are sufficient, and the reader cannot read other tables.
func TestDocumentedRoles(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourceURL := j.database
	j.load(twoPatients + `{"resourceType":"Observation","id":"o1","status":"final"}` + "\n" + `{"resourceType":"Client","id":"c1","secret":"swordfish"}`)
	for _, name := range []string{"patient", "observation"} {
		sourcetest.Execute(t, sourceURL, "CREATE TABLE IF NOT EXISTS "+name+"_history (LIKE "+name+")")
	}
	reader, owner := documentedRoles(t, sourceURL)

	sourcetest.Execute(t, sourceURL, "CREATE TABLE encounter (LIKE patient); CREATE TABLE condition (LIKE patient); DROP TABLE medication")
	j.database = owner
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs", "--scope=system/Client.rs")
	address, stop := j.start("serve", "--source-url="+reader)
	dumped := j.ask(http.MethodGet, address+"/Patient/$dump")
	require.Equal(t, http.StatusOK, dumped.status)
	require.Contains(t, dumped.body, `"id": "p1"`)
	require.NotEqual(t, http.StatusOK, j.ask(http.MethodGet, address+"/Client/$dump").status)

	// A client with a scope for all types gets an error that names every table that
	// cannot be read. With the scopes of the document, it gets what the role may read.
	since := "?_since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	refused := j.ask(http.MethodGet, address+"/fhir/$export"+since)
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Contains(t, refused.body, "Condition, Encounter cannot be exported: table condition, table encounter cannot be read")

	export := func(query string, headers ...string) (done answer) {
		kicked := j.ask(http.MethodGet, address+"/fhir/$export"+query, headers...)
		require.Equal(t, http.StatusAccepted, kicked.status, kicked.body)
		done = j.poll(kicked.header.Get("Content-Location"))
		require.Equal(t, http.StatusOK, done.status, done.body)
		require.Contains(t, done.body, `"Observation"`)
		require.NotContains(t, done.body, `"Client"`)
		return done
	}
	warnings := j.outcomes(export(since, "Prefer", "handling=lenient"))
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "Condition, Encounter cannot be exported")
	j.sluice(cli.ExitOK, "client", "change", "a", "--scope=system/Patient.rs", "--scope=system/Observation.rs")
	require.Empty(t, j.outcomes(export(since)), "deletions can be read too")
	require.Equal(t, cli.ExitOK, stop())
}

// A role that does not see the transactions of others makes transactionTime earlier, and
// the log says at start what to grant.
func TestCommitMarginWarning(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	role, reader := newRole(t, j.database)

	start := func() string {
		log, stop := j.launch("worker", "--source-url="+reader, "--source-commit-margin=7m", "--log-format=text")
		log.await(t, regexp.MustCompile("(worker started)"))
		require.Zero(t, stop())
		return log.String()
	}
	warning := start()
	require.Contains(t, warning, `level=WARN msg="commit margin applied`)
	require.Contains(t, warning, "SLUICE_SOURCE_COMMIT_MARGIN=7m0s")
	require.Contains(t, warning, "GRANT pg_read_all_stats TO \\\""+role)

	sourcetest.Execute(j.t, j.database, "GRANT pg_monitor TO "+role) // includes pg_read_all_stats
	require.NotContains(t, start(), "COMMIT_MARGIN")
}
