package worker_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// A worker gives back work that requires a newer version, which then waits without a
// counted attempt.
func TestNewerWork(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]struct{ newer, known string }{
		"export job":     {`UPDATE sluice.river_job SET args = args || '{"requires": 1000}'`, `UPDATE sluice.river_job SET args = args - 'requires'`},
		"request":        {`UPDATE sluice.export SET request = request || '{"from_the_future": true}'`, `UPDATE sluice.export SET request = request - 'from_the_future'`},
		"part job":       {futureParts(`NEW.args = NEW.args || '{"requires": 1000}'`, "sluice.river_job", `NEW.kind = 'sluice_part'`), pastParts("sluice.river_job", `UPDATE sluice.river_job SET args = args - 'requires'`)},
		"plan":           {futureParts(`NEW.scan = NEW.scan || '{"FromTheFuture": true}'`, "sluice.part", `NEW.kind = 'resources'`), pastParts("sluice.part", `UPDATE sluice.part SET scan = scan - 'FromTheFuture'`)},
		"deletions plan": {futureParts(`NEW.scan = NEW.scan || '{"FromTheFuture": true}'`, "sluice.part", `NEW.kind = 'deletions'`), pastParts("sluice.part", `UPDATE sluice.part SET scan = scan - 'FromTheFuture'`)},
		"blocks plan":    {futureParts(`NEW.scan = NEW.scan || '{"FromTheFuture": true}'`, "sluice.part", `NEW.kind = 'patient_blocks'`), pastParts("sluice.part", `UPDATE sluice.part SET scan = scan - 'FromTheFuture'`)},
		"views plan":     {futureParts(`NEW.scan = NEW.scan || '{"FromTheFuture": true}'`, "sluice.part", `NEW.kind = 'views'`), pastParts("sluice.part", `UPDATE sluice.part SET scan = scan - 'FromTheFuture'`)},
		"tables":         {`UPDATE sluice.export SET request = jsonb_set(request, '{tables,from_the_future}', 'true')`, `UPDATE sluice.export SET request = request #- '{tables,from_the_future}'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			request := jobs.Request{Types: []string{"Patient"}, ChangedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
			if name == "blocks plan" {
				request.OrganizeBy = "Patient"
			}
			if name == "views plan" || name == "tables" {
				request = tablesRequest("csv", aView("people", "Patient", "id", "id"))
			}
			id := f.accept(t, request)
			f.exec(t, sql.newer)
			f.start(t, options{})
			f.awaitGivenBack(t, id)
			f.exec(t, sql.known)
			f.await(t, id, jobs.Completed)
			require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE attempt > 1 OR cardinality(errors) > 0`))
		})
	}
}

// Work that requires a newer version does not wait beyond the maximum age.
func TestNewerWorkBeyondMaxAge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.accept(t, jobs.Request{})
	f.exec(t, `UPDATE sluice.river_job SET args = args || '{"requires": 1000}'`)
	f.exec(t, `UPDATE sluice.export SET created_at = now() - interval '25 hours'`)
	f.start(t, options{})
	require.Equal(t, "the export took longer than the server allows", f.await(t, id, jobs.Failed).Failure)
}

// awaitGivenBack waits until a job of the export was given back, twice.
func (f *fixture) awaitGivenBack(t *testing.T, id uuid.UUID) {
	t.Helper()
	f.eventually(t, "a job is given back", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE args->>'export_id' = $1 AND (metadata->>'snoozes')::integer >= 2`, id.String()) > 0
	})
	export, err := f.store.Get(t.Context(), id)
	require.NoError(t, err)
	require.Contains(t, []jobs.State{jobs.Accepted, jobs.Running}, export.State, export.Failure)
}

// futureParts changes each new row of a table as a newer process would write it.
func futureParts(change, table, when string) string {
	return `CREATE FUNCTION future() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + change + `; RETURN NEW; END $$;
		CREATE TRIGGER future BEFORE INSERT ON ` + table + ` FOR EACH ROW WHEN (` + when + `) EXECUTE FUNCTION future()`
}

func pastParts(table, change string) string { return `DROP TRIGGER future ON ` + table + `; ` + change }
