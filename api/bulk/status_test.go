package bulk_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

func TestStatusWhileItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient,Group").ID

	for _, step := range []struct {
		sql, progress, retry string
	}{
		{`SELECT $1::uuid`, "0%", "1"},
		{`UPDATE sluice.export SET state = 'running' WHERE id = $1`, "0%", "1"},
		{`UPDATE sluice.export SET bytes_planned = 1000, parts_total = 2 WHERE id = $1`, "0%", "1"},
		{`INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, job_id, state, bytes_planned, bytes_read)
			VALUES ($1, 1, 1, 'Patient', '{}', 'a', 1, 'running', 600, 100), ($1, 2, 1, 'Group', '{}', 'b', 2, 'waiting', 400, 0)`, "10%", "1"},
		{`UPDATE sluice.part SET bytes_read = 900 WHERE export_id = $1 AND number = 1`, "60%", "1"}, // more than was planned
		{`UPDATE sluice.export SET bytes_done = 1000, parts_done = 2 WHERE id = $1`, "99%", "1"},    // the manifest is not there yet
		{`UPDATE sluice.export SET created_at = now() - interval '100 s' WHERE id = $1`, "99%", "10"},
		{`UPDATE sluice.export SET created_at = now() - interval '1 day' WHERE id = $1`, "99%", "30"},
		{`UPDATE sluice.export SET generation = 2, bytes_planned = 0, bytes_done = 0 WHERE id = $1`, "0% (restarted, attempt 2)", "30"},
		{`UPDATE sluice.export SET bytes_planned = 1000, bytes_done = 120 WHERE id = $1`, "72% (restarted, attempt 2)", "30"},
		{
			`UPDATE sluice.export SET waiting_since = '2024-05-06T10:02:03Z', waiting_reason = 'the object store is full' WHERE id = $1`,
			"72% (restarted, attempt 2; waiting since 10:02:03Z: the object store is full)", "30",
		},
		{`UPDATE sluice.export SET generation = 1 WHERE id = $1`, "72% (waiting since 10:02:03Z: the object store is full)", "30"},
	} {
		b.Exec(t, step.sql, id)
		got := b.Get(t, apitest.StatusPath+id.String())
		require.Equal(t, http.StatusAccepted, got.StatusCode)
		require.Equal(t, step.progress, got.Header.Get("X-Progress"), step.sql)
		retry := got.Header.Get("Retry-After")
		if step.retry == "10" { // a moment has passed
			require.Contains(t, []string{"10", "11", "12"}, retry)
		} else {
			require.Equal(t, step.retry, retry, step.sql)
		}
		require.Empty(t, got.Text)
	}
}

// The age of an export, and what is left of the life of its files, are counted
// by the clock that set their times: the database's.
func TestStatusWithASkewedClock(t *testing.T) {
	t.Parallel()
	b := apitest.SetupOn(t, sourcetest.SkewedDatabase(t, -time.Hour))
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
	require.Equal(t, "1", b.Get(t, apitest.StatusPath+id.String()).Header.Get("Retry-After"))

	b.Exec(t, `UPDATE sluice.export SET state = 'completed', transaction_time = now(), expires_at = now() + interval '10 min' WHERE id = $1`, id)
	require.Equal(t, http.StatusOK, b.Get(t, apitest.StatusPath+id.String()).StatusCode)
}

func TestStatusOfAFailedExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
	require.NoError(t, b.Exports.Fail(t.Context(), id, "the table patient can't be read"))

	got := b.Get(t, apitest.StatusPath+id.String())
	said := apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
	require.Contains(t, said, "the table patient can't be read")
	require.Empty(t, got.Header.Get("Retry-After"), "it stays failed")
	require.Equal(t, http.StatusAccepted, b.Do(t, b.Request(t, http.MethodDelete, apitest.StatusPath+id.String())).StatusCode)
}

func TestStatusOfAnExpiredExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
	b.Exec(t, `UPDATE sluice.export SET state = 'completed', transaction_time = now(), expires_at = now() - interval '1 s' WHERE id = $1`, id)
	apitest.RequireRefusal(t, b.Get(t, apitest.StatusPath+id.String()), http.StatusGone, "deleted", "") // though nobody has cleaned up yet
	require.NoError(t, b.Exports.Expire(t.Context()))

	apitest.RequireRefusal(t, b.Get(t, apitest.StatusPath+id.String()), http.StatusGone, "deleted", "")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	export := b.KickOff(t, "/fhir/$export?_type=Patient")
	other := b.KickOff(t, "/fhir/$export?_type=Patient")

	target := apitest.StatusPath + export.ID.String()
	got := b.Do(t, b.Request(t, http.MethodDelete, target))
	require.Equal(t, http.StatusAccepted, got.StatusCode)
	require.Empty(t, got.Text)
	apitest.RequireRefusal(t, b.Get(t, target), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Do(t, b.Request(t, http.MethodDelete, target)), http.StatusNotFound, "not-found", "")

	export, err := b.Exports.Get(t.Context(), export.ID)
	require.NoError(t, err)
	require.Equal(t, jobs.Cancelled, export.State)
	const stateSQL = `SELECT count(*) FROM sluice.river_job WHERE kind = $1 AND state = $2::sluice.river_job_state AND args->>'export_id' = $3::text`
	require.Equal(t, 1, b.Count(t, stateSQL, "sluice_export", "cancelled", export.ID.String()))
	require.Equal(t, 1, b.Count(t, stateSQL, "sluice_cleanup", "available", export.ID.String()))
	require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+other.ID.String()).StatusCode, "the other goes on")
}

// TestForeignExport: for another client, an export does not exist.
func TestForeignExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID

	ask := func(method string, id uuid.UUID) apitest.Answer {
		request := b.Request(t, method, apitest.StatusPath+id.String())
		request.SetBasicAuth("other", "other-secret")
		return b.Do(t, request)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		foreign := apitest.RequireRefusal(t, ask(method, id), http.StatusNotFound, "not-found", "")
		unknown := apitest.RequireRefusal(t, ask(method, uuid.New()), http.StatusNotFound, "not-found", "")
		require.Equal(t, unknown, foreign, "nobody can tell one from the other")
	}
	require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+id.String()).StatusCode)
}

// TestStateDatabaseAway: while the state database is unavailable, a poll is answered with
// a transient error, so that the client does not regard its export as failed.
func TestStateDatabaseAway(t *testing.T) {
	t.Parallel()

	t.Run("InTheMiddle", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.KickOff(t, "/fhir/$export?_type=Patient").ID
		release := b.Hold(t, `LOCK TABLE sluice.export IN ACCESS EXCLUSIVE MODE`)

		for _, request := range []*http.Request{
			b.Request(t, http.MethodGet, apitest.StatusPath+id.String()),
			b.Request(t, http.MethodDelete, apitest.StatusPath+id.String()),
			b.Request(t, http.MethodGet, "/fhir/$export?_type=Patient"),
		} {
			wait := b.Later(t, request)
			require.Eventually(t, func() bool {
				return b.Count(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%sluice.export%'`) == 1
			}, apitest.Patience, apitest.Tick)
			got, err := wait()
			require.NoError(t, err)
			apitest.RequireRefusal(t, got, http.StatusServiceUnavailable, "transient", "")
			require.Equal(t, "10", got.Header.Get("Retry-After"))
		}
		release()
		require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+id.String()).StatusCode)
	})

	t.Run("FromTheStart", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.DB.Close()
		apitest.RequireRefusal(t, b.Get(t, "/Patient/$dump"), http.StatusServiceUnavailable, "transient", "")
	})
}
