package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// sqlBlock is a block of SQL in a page.
var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// documentedRoles makes the roles of docs/security.md, under names of their own
// since roles belong to the server, and returns the source and the state as
// they see them.
func documentedRoles(t *testing.T, sourceURL, stateURL string) (reader, owner string) {
	t.Helper()
	page, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	blocks := sqlBlock.FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 2)
	suffix := "_" + strings.ToLower(rand.Text())
	named := func(sql string) string {
		return strings.NewReplacer("sluice_reader", "sluice_reader"+suffix, "sluice_state", "sluice_state"+suffix).Replace(sql)
	}
	state, err := url.Parse(stateURL)
	require.NoError(t, err)

	execute(t, sourceURL, named(blocks[0][1]))
	t.Cleanup(func() { execute(t, sourceURL, named("DROP OWNED BY sluice_reader; DROP ROLE sluice_reader")) })
	sql := strings.ReplaceAll(named(blocks[1][1]), "DATABASE sluice ", "DATABASE "+pgx.Identifier{state.Path[1:]}.Sanitize()+" ")
	sql = strings.Replace(sql, "CREATE DATABASE", "ALTER DATABASE", 1)
	execute(t, stateURL, strings.Replace(sql, "\" OWNER", "\" OWNER TO", 1))
	t.Cleanup(func() {
		execute(t, stateURL, named("REASSIGN OWNED BY sluice_state TO CURRENT_USER; DROP OWNED BY sluice_state; DROP ROLE sluice_state"))
	})
	as := func(address, role, password string) string {
		u, err := url.Parse(address)
		require.NoError(t, err)
		u.User = url.UserPassword(role+suffix, password)
		return u.String()
	}
	return as(sourceURL, "sluice_reader", "a long one"), as(stateURL, "sluice_state", "another long one")
}

func execute(t *testing.T, address, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // in a cleanup the test's has ended
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err, sql)
}

// The roles that docs/security.md tells to make suffice, and the reader can't
// read what it was not given.
func TestDocumentedRoles(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	sourceURL := j.database
	file := filepath.Join(t.TempDir(), "resources.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients+`{"resourceType":"Observation","id":"o1","status":"final"}`+"\n"+`{"resourceType":"Client","id":"c1","secret":"swordfish"}`), 0o600))
	j.sluice(exitOK, "load", file)
	for _, name := range []string{"patient", "observation"} {
		execute(t, sourceURL, "CREATE TABLE IF NOT EXISTS "+name+"_history (LIKE "+name+")")
	}
	reader, owner := documentedRoles(t, sourceURL, sourcetest.Database(t))

	j.database = owner
	j.sluice(exitOK, "migrate")
	j.sluice(exitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs", "--scope=system/Client.rs")
	address, stop := j.start("serve", "--source-url="+reader)
	dumped := j.ask(http.MethodGet, address+"/Patient/$dump")
	require.Equal(t, http.StatusOK, dumped.status)
	require.Contains(t, dumped.body, `"id": "p1"`)
	require.NotEqual(t, http.StatusOK, j.ask(http.MethodGet, address+"/Client/$dump").status)

	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	kicked := j.ask(http.MethodGet, address+"/fhir/$export?_since="+since)
	require.Equal(t, http.StatusAccepted, kicked.status)
	done := j.poll(kicked.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, done.status, done.body)
	require.Contains(t, done.body, `"Observation"`)
	require.NotContains(t, done.body, `"Client"`)
	require.Equal(t, exitOK, stop())
}
