package e2e

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// sqlBlock is a block of SQL in a page.
var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// documentedRoles makes the roles and the database of docs/security.md, each statement
// as the role that the page tells to run it, under names of their own since they belong
// to the server, and returns the source and the state as they see them.
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

// The roles that docs/security.md tells to make suffice, and the reader can't
// read what it was not given.
func TestDocumentedRoles(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourceURL := j.database
	file := filepath.Join(t.TempDir(), "resources.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients+`{"resourceType":"Observation","id":"o1","status":"final"}`+"\n"+`{"resourceType":"Client","id":"c1","secret":"swordfish"}`), 0o600))
	j.sluice(cli.ExitOK, "load", file)
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

	// Of a client that may take every type, all tables without a right are named at
	// once; one with the scopes of the page gets what the role may read.
	since := "?_since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	refused := j.ask(http.MethodGet, address+"/fhir/$export"+since)
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Contains(t, refused.body, "Condition, Encounter can't be exported: table condition, table encounter cannot be read")

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
	require.Contains(t, warnings[0], "Condition, Encounter can't be exported")
	j.sluice(cli.ExitOK, "client", "change", "a", "--scope=system/Patient.rs", "--scope=system/Observation.rs")
	require.Empty(t, j.outcomes(export(since)), "deletions are known, too")
	require.Equal(t, cli.ExitOK, stop())
}
