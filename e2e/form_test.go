package e2e

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// formChosen matches the log line that says how resources are read.
var formChosen = regexp.MustCompile(`"msg":"form of jsonb chosen","form":"([^}]+)"}`)

// A process says how it reads resources: in its log, in /ready and as a metric. It reads
// them as stored if it can, and refuses to start if it must and cannot.
func TestForms(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients)
	reads := func(stored string, gauge string, args ...string) (log, lines string) {
		t.Helper()
		started, stop := j.launch("api", args...)
		log = started.await(t, formChosen)
		address := "http://" + started.await(t, apiStarted)
		require.Contains(t, j.requireReady(address, http.StatusOK), `"info":{"jsonb":"`+stored+`"}`)
		require.Contains(t, j.ask(http.MethodGet, address+"/metrics").body, "\nsluice_source_jsonb_stored "+gauge+"\n")
		lines = j.ask(http.MethodGet, address+"/Patient/$dump").body
		require.Contains(t, lines, `"Müller"`)
		require.Zero(t, stop())
		return log, lines
	}

	sourcetest.Execute(t, j.database, `DROP CAST IF EXISTS (jsonb AS bytea)`)
	log, want := reads("text", "0")
	require.Contains(t, log, `text","reason":"the source database has no cast from jsonb to bytea","remedy":"CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION,`)
	require.Contains(t, j.refused("api", "--jsonb=stored"), "--jsonb (SLUICE_JSONB): source: jsonb cannot be read in its stored form: "+
		"the source database has no cast from jsonb to bytea; a superuser can create it: CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION")

	sourcetest.CreateCast(t, j.database)
	for _, args := range [][]string{nil, {"--jsonb=stored"}} {
		log, lines := reads("stored", "1", args...)
		require.Equal(t, "stored", log)
		require.Equal(t, want, lines)
	}
	log, lines := reads("text", "0", "--jsonb=text")
	require.Equal(t, "text", log)
	require.Equal(t, want, lines)
}
