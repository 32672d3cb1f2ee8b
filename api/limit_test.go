package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
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

	got := b.get(t, "/Patient/$dump")
	requireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
	require.Equal(t, "5", got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusAccepted, b.get(t, "/Patient/$dump", "Prefer", "respond-async").StatusCode, "an export waits its turn")
	requireRefusal(t, b.get(t, "/Patient/$dump?fhir=maybe"), http.StatusBadRequest, "invalid", "fhir")

	// A place is free again when a client leaves, and when a dump ends.
	require.NoError(t, gone.Body.Close())
	var second *http.Response
	require.Eventually(t, func() bool {
		var err error
		second, err = b.http.Do(b.request(t, http.MethodGet, "/Patient/$dump"))
		if err != nil || second.StatusCode == http.StatusOK {
			return err == nil
		}
		return second.Body.Close() != nil
	}, patience, tick)
	open()
	requireRest(t, first)
	requireRest(t, second.Body)
	require.NoError(t, second.Body.Close())
	require.Equal(t, http.StatusOK, b.get(t, "/Patient/$dump").StatusCode)
}

// TestDumpsOfOneClient: one that begins dumps and hardly reads them leaves some
// to others.
func TestDumpsOfOneClient(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Dumps = 4 })
	require.NoError(t, b.clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	open := b.gate(t)
	for range 3 {
		_, rest := b.begin(t, "/Patient/$dump")
		defer requireRest(t, rest)
	}
	requireRefusal(t, b.get(t, "/Patient/$dump"), http.StatusTooManyRequests, "throttled", "")
	request := b.request(t, http.MethodGet, "/Patient/$dump")
	request.SetBasicAuth("other", "other-secret")
	others, err := b.http.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, others.StatusCode)
	open()
	require.NoError(t, others.Body.Close())
}

// TestTooManyExports: a kick-off beyond the limits is told to come back, and
// leaves nothing behind.
func TestTooManyExports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)
	running := func(clientID string, count int) {
		b.exec(t, `INSERT INTO sluice.export (id, client_id, request, state, job_id)
			SELECT gen_random_uuid(), $1, '{}', 'running', 0 FROM generate_series(1, $2)`, clientID, count)
	}
	refused := func(limit int) {
		t.Helper()
		for _, got := range []answer{b.get(t, "/fhir/$export"), b.get(t, "/Patient/$dump", "Prefer", "respond-async")} {
			require.Contains(t, requireRefusal(t, got, http.StatusTooManyRequests, "throttled", ""), fmt.Sprint(limit))
			require.Equal(t, "30", got.Header.Get("Retry-After"))
			require.Empty(t, got.Header.Get("Content-Location"))
		}
		require.Zero(t, b.count(t, `SELECT count(*) FROM sluice.river_job`))
	}

	running(clientID, clientExports)
	refused(clientExports)
	require.Equal(t, http.StatusOK, b.get(t, "/Patient/$dump").StatusCode, "a dump is no export")
	b.exec(t, `DELETE FROM sluice.export`)
	running("another", totalExports)
	refused(totalExports)

	b.exec(t, `UPDATE sluice.export SET state = 'completed' WHERE id = (SELECT id FROM sluice.export LIMIT 1)`)
	b.kickOff(t, "/fhir/$export")
}

// TestTooMuchStored: a client whose files fill the bucket is told what to do.
func TestTooMuchStored(t *testing.T) {
	t.Parallel()
	for limit, config := range map[string]jobs.Config{
		"stored exports: at most 1 per client":  {ClientStoredExports: 1},
		"stored bytes: at most 1000 per client": {ClientStoredBytes: 1000},
	} {
		b := setup(t)
		id := b.kickOff(t, "/fhir/$export?_type=Patient").ID
		b.complete(t, id)
		b.exec(t, `UPDATE sluice.export SET bytes_stored = 2000`)
		exports, err := jobs.New(b.db, config)
		require.NoError(t, err)
		b.config.Exports = exports
		b.serve(t, api.New(b.config))

		got := b.get(t, "/fhir/$export?_type=Patient", "Prefer", "respond-async")
		requireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
		require.Contains(t, got.body, limit)
		require.Contains(t, got.body, "DELETE on their status URL")
		require.Equal(t, "300", got.Header.Get("Retry-After"))

		require.Equal(t, http.StatusAccepted, b.do(t, b.request(t, http.MethodDelete, statusPath+id.String())).StatusCode)
		require.NoError(t, exports.MarkObjectsDeleted(t.Context(), id))
		require.Equal(t, http.StatusAccepted, b.get(t, "/fhir/$export?_type=Patient", "Prefer", "respond-async").StatusCode)
	}
}
