package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/jobs"
)

// TestTooManyDumps: what is too much is refused at once, and dumps that run are
// not disturbed.
func TestTooManyDumps(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Dumps = 2 })
	open := b.gate(t)

	_, first := b.begin(t, "/Patient/$dump")
	gone, _ := b.begin(t, "/Patient/$dump")

	got := b.Get(t, "/Patient/$dump")
	apitest.RequireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
	require.Equal(t, "5", got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusAccepted, b.Get(t, "/Patient/$dump", "Prefer", "respond-async").StatusCode, "an export waits its turn")
	apitest.RequireRefusal(t, b.Get(t, "/Patient/$dump?fhir=maybe"), http.StatusBadRequest, "invalid", "fhir")

	// A place is free again when a client leaves, and when a dump ends.
	require.NoError(t, gone.Body.Close())
	var second *http.Response
	require.Eventually(t, func() bool {
		var err error
		second, err = b.HTTP.Do(b.Request(t, http.MethodGet, "/Patient/$dump"))
		if err != nil || second.StatusCode == http.StatusOK {
			return err == nil
		}
		return second.Body.Close() != nil
	}, apitest.Patience, apitest.Tick)
	open()
	requireRest(t, first)
	requireRest(t, second.Body)
	require.NoError(t, second.Body.Close())
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
}

// TestDumpsOfOneClient: one that begins dumps and hardly reads them leaves some
// to others.
func TestDumpsOfOneClient(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Dumps = 4 })
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	open := b.gate(t)
	for range 3 {
		_, rest := b.begin(t, "/Patient/$dump")
		defer requireRest(t, rest)
	}
	apitest.RequireRefusal(t, b.Get(t, "/Patient/$dump"), http.StatusTooManyRequests, "throttled", "")
	request := b.Request(t, http.MethodGet, "/Patient/$dump")
	request.SetBasicAuth("other", "other-secret")
	others, err := b.HTTP.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, others.StatusCode)
	open()
	require.NoError(t, others.Body.Close())
}

// TestTooManyExports: a kick-off beyond the limits is refused with Retry-After and leaves
// nothing in the database.
func TestTooManyExports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	running := func(client string, count int) {
		b.Exec(t, `INSERT INTO sluice.export (id, client_id, request, state, job_id)
			SELECT gen_random_uuid(), $1, '{}', 'running', 0 FROM generate_series(1, $2)`, client, count)
	}
	refused := func(limit int) {
		t.Helper()
		for _, got := range []apitest.Answer{b.Get(t, "/fhir/$export"), b.Get(t, "/Patient/$dump", "Prefer", "respond-async")} {
			require.Contains(t, apitest.RequireRefusal(t, got, http.StatusTooManyRequests, "throttled", ""), fmt.Sprint(limit))
			require.Equal(t, "30", got.Header.Get("Retry-After"))
			require.Empty(t, got.Header.Get("Content-Location"))
		}
		require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.river_job`))
	}

	running(apitest.ClientID, apitest.MaxExportsPerClient)
	refused(apitest.MaxExportsPerClient)
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode, "a dump is no export")
	b.Exec(t, `DELETE FROM sluice.export`)
	running("another", apitest.MaxExports)
	refused(apitest.MaxExports)

	b.Exec(t, `UPDATE sluice.export SET state = 'completed' WHERE id = (SELECT id FROM sluice.export LIMIT 1)`)
	b.KickOff(t, "/fhir/$export")
}

// TestTooMuchStored: a client that stores too much is refused, with the remedy.
func TestTooMuchStored(t *testing.T) {
	t.Parallel()
	for limit, config := range map[string]jobs.Config{
		"too many stored exports: at most 1 per client":  {MaxStoredExportsPerClient: 1},
		"too many stored bytes: at most 1000 per client": {MaxStoredBytesPerClient: 1000},
	} {
		b := setup(t)
		id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
		b.Complete(t, id)
		b.Exec(t, `UPDATE sluice.export SET bytes_stored = 2000`)
		exports, err := jobs.New(b.DB, config)
		require.NoError(t, err)
		b.Config.Exports = exports
		b.Serve(t, api.New(b.Config))

		got := b.Get(t, "/fhir/$export?_type=Patient", "Prefer", "respond-async")
		apitest.RequireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
		require.Contains(t, got.Text, limit)
		require.Contains(t, got.Text, "DELETE on their status URL")
		require.Equal(t, "300", got.Header.Get("Retry-After"))

		require.Equal(t, http.StatusAccepted, b.Do(t, b.Request(t, http.MethodDelete, apitest.StatusPath+id.String())).StatusCode)
		require.NoError(t, exports.MarkObjectsDeleted(t.Context(), id))
		require.Equal(t, http.StatusAccepted, b.Get(t, "/fhir/$export?_type=Patient", "Prefer", "respond-async").StatusCode)
	}
}
