package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// written returns a completed export of the client with a file of this size.
func (f *fixture) written(t *testing.T, bytes int64) jobs.Export {
	t.Helper()
	export := f.started(t, 100)
	a := f.take(t)
	part := f.hold(t, a.job.Args)
	files := wrote(part, 1)
	files[0].Bytes = bytes
	require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, files, nothing))
	a.end(nil)
	require.NoError(t, f.store.Complete(t.Context(), f.get(t, export.ID), time.Hour, nil, noManifest))
	return f.get(t, export.ID)
}

// The stored exports of a client are limited and count until their objects are deleted.
func TestStoredLimits(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]jobs.Config{
		"Number": {MaxStoredExportsPerClient: 2},
		"Bytes":  {MaxStoredBytesPerClient: 1500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			limited, err := jobs.New(f.db, config)
			require.NoError(t, err)
			accept := func(clientID string) (uuid.UUID, error) {
				return limited.Accept(t.Context(), clientID, jobs.Request{})
			}
			first := f.written(t, 1000)
			f.written(t, 1000)

			_, err = accept(client)
			var limit *jobs.LimitError
			require.ErrorAs(t, err, &limit)
			require.True(t, limit.Stored)
			require.ErrorContains(t, limit, "per client")
			_, err = accept("another")
			require.NoError(t, err)

			require.NoError(t, f.store.Cancel(t.Context(), first.ID, client))
			_, err = accept(client)
			require.ErrorAs(t, err, &limit, "its files are still there")
			require.NoError(t, f.store.MarkObjectsDeleted(t.Context(), first.ID))
			_, err = accept(client)
			require.NoError(t, err)
		})
	}
}

// Files that are written again count only once.
func TestStoredBytesOfRepair(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	export := f.started(t, 100)
	do := func() {
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		files := wrote(part, 1)
		files[0].Bytes = 1000
		require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, files, nothing))
		a.end(nil)
	}
	do()
	require.NoError(t, f.store.Repair(t.Context(), export, []string{keyOf(export, 1)}))
	require.Zero(t, f.count(t, `SELECT bytes_stored + files_stored FROM sluice.export`))
	do()
	require.Equal(t, 1000, f.count(t, `SELECT bytes_stored FROM sluice.export`))
	require.Equal(t, 1, f.count(t, `SELECT files_stored FROM sluice.export`))
}

// Only what the status of an ended export needs is kept of its request.
func TestRequestOfEndedExports(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	request := jobs.Request{
		URL: "https://example.org/fhir/Group/ward/$export?patient=" + long, Level: jobs.GroupLevel, Group: "ward",
		Patients: []string{long}, Types: []string{"Patient"}, Filters: map[string][]string{"Patient": {long}}, SeparateStatus: true,
	}
	kept := jobs.Request{Level: jobs.GroupLevel, Group: "ward", Types: []string{"Patient"}, SeparateStatus: true}
	for name, test := range map[string]struct {
		state jobs.State
		end   func(t *testing.T, f *fixture, id uuid.UUID)
	}{
		"Failed": {jobs.Failed, func(t *testing.T, f *fixture, id uuid.UUID) {
			t.Helper()
			require.NoError(t, f.store.Fail(t.Context(), id, "why"))
		}},
		"FailedWaiting": {jobs.Failed, func(t *testing.T, f *fixture, id uuid.UUID) {
			t.Helper()
			_, err := f.db.Exec(t.Context(), `UPDATE sluice.export SET waiting_since = now(), waiting_reason = 'why'`)
			require.NoError(t, err)
			require.NoError(t, f.store.FailWaiting(t.Context(), id, "why"))
		}},
		"Cancelled": {jobs.Cancelled, func(t *testing.T, f *fixture, id uuid.UUID) {
			t.Helper()
			require.NoError(t, f.store.Cancel(t.Context(), id, client))
		}},
		"Expired": {jobs.Expired, func(t *testing.T, f *fixture, id uuid.UUID) {
			t.Helper()
			require.NoError(t, f.store.Complete(t.Context(), f.readAll(t, f.get(t, id)), 0, nil, noManifest))
			require.Equal(t, request, f.get(t, id).Request)
			require.NoError(t, f.store.Expire(t.Context()))
			require.NoError(t, f.store.MarkObjectsDeleted(t.Context(), id))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			id, err := f.store.Accept(t.Context(), client, request)
			require.NoError(t, err)
			export, err := f.store.Begin(t.Context(), id)
			require.NoError(t, err)
			p := plan(id, 1)
			p.Members = []string{long}
			require.NoError(t, f.store.Start(t.Context(), export, p))
			test.end(t, f, id)

			require.Equal(t, test.state, f.get(t, id).State)
			require.Equal(t, kept, f.get(t, id).Request)
			require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.export e WHERE members IS NOT NULL OR e::text LIKE '%xxx%'`))
			require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.part`))
		})
	}
}

// Swept exports that were cancelled are deleted, and the oldest ones of a client with too
// many.
func TestDeleteOldOfClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	const pile = 10_000
	_, err := f.db.Exec(t.Context(), `
		INSERT INTO sluice.export (id, client_id, request, state, job_id, finished_at, swept_at)
		SELECT gen_random_uuid(), c.client, '{}', s.state::sluice.export_state, 0, now() - n * interval '1 s', now()
		FROM (VALUES ('a', 'failed', $1 + 7), ('b', 'failed', 3), ('c', 'cancelled', 5)) AS s (client, state, pile),
			generate_series(1, s.pile) AS n, LATERAL (SELECT s.client) AS c`, pile)
	require.NoError(t, err)
	count, err := f.store.DeleteOld(t.Context(), 30*24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, int64(7+5), count)
	require.Equal(t, pile+3, f.count(t, `SELECT count(*) FROM sluice.export`))
	require.Equal(t, pile-1, f.count(t, `SELECT extract(epoch FROM max(finished_at) - min(finished_at))::integer FROM sluice.export WHERE client_id = 'a'`), "the oldest are deleted")
}
