package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// deleted returns the URLs that the export lists as deleted, sorted.
func (f *fixture) deleted(t *testing.T, id uuid.UUID) (urls []string) {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	for _, file := range files.Deleted {
		content := unzip(t, f.object(t, file.ObjectKey))
		require.Len(t, content, int(file.Resources), file.ObjectKey)
		for _, line := range content {
			var bundle struct {
				Type  string
				Entry []struct{ Request struct{ Method, URL string } }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &bundle))
			require.Equal(t, "transaction", bundle.Type)
			for _, entry := range bundle.Entry {
				require.Equal(t, "DELETE", entry.Request.Method)
				urls = append(urls, entry.Request.URL)
			}
		}
	}
	slices.Sort(urls)
	return urls
}

// manifestKeys returns the keys in the bucket's copy of the manifest.
func (f *fixture) manifestKeys(t *testing.T, id uuid.UUID) (keys []string) {
	t.Helper()
	var manifest map[string]any
	require.NoError(t, json.Unmarshal(f.object(t, id.String()+"/manifest.json"), &manifest))
	for key := range manifest {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// deletePatients deletes, as Aidbox does, the patients from one txid to another.
const deletePatients = `
	WITH gone AS (DELETE FROM patient WHERE txid BETWEEN %[1]d AND %[2]d RETURNING *), kept AS (
		INSERT INTO patient_history SELECT * FROM gone)
	INSERT INTO patient_history (id, txid, ts, status, resource) SELECT id, txid + 10000, '%[3]s', 'deleted', resource FROM gone;`

func TestDeletions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+
		fmt.Sprintf(deletePatients, 1, 20, "2024-05-13Z")+
		fmt.Sprintf(deletePatients, 21, 140, "2024-05-15Z")+`
		UPDATE encounter SET ts = '2024-01-01Z'`)
	f.start(t, options{partBytes: 3 * 8192})
	since := time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC)

	id := f.accept(t, jobs.Request{ChangedAfter: since})
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, export.BytesPlanned, export.BytesRead)
	var want []string
	for n := 21; n <= 140; n++ {
		want = append(want, fmt.Sprintf("Patient/pt-%d", n))
	}
	slices.Sort(want)
	require.Equal(t, want, f.deleted(t, id))
	require.Equal(t, []manifest.Entry{
		f.output(t, "Bundle", id.String()+"/deleted/Patient.deleted.0001.ndjson.gz", 2),
	}, f.manifest(t, id).Deleted)
	require.Len(t, f.lines(t, id, "Patient"), 16, "as many as without deletions")

	// There is no list without _since, in a $dump, or where nothing was deleted.
	all := f.accept(t, jobs.Request{})
	dump := f.accept(t, jobs.Request{CreatedAfter: since})
	encounters := f.accept(t, jobs.Request{ChangedAfter: since, Types: []string{"Encounter"}})
	for _, id := range []uuid.UUID{all, dump} {
		f.await(t, id, jobs.Completed)
		require.Equal(t, []string{"error", "output", "outputFormat", "request", "requiresAccessToken", "transactionTime"}, f.manifestKeys(t, id))
	}
	f.await(t, encounters, jobs.Completed)
	require.Contains(t, string(f.object(t, encounters.String()+"/manifest.json")), `"deleted": []`)
	require.Equal(t, []string{"manifest.json"}, f.keys(t, encounters))
}

// warnings returns the texts of the export's own warnings.
func (f *fixture) warnings(t *testing.T, id uuid.UUID) (texts []string) {
	t.Helper()
	file, err := f.store.File(t.Context(), id, jobs.WarningsKey(id))
	if errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	require.NoError(t, err)
	for _, outcome := range f.outcomes(t, []jobs.File{file}) {
		require.Equal(t, "warning", outcome.Issue[0].Severity)
		texts = append(texts, outcome.Issue[0].Code+": "+outcome.Issue[0].Diagnostics)
	}
	return texts
}

// unlisted begins the warning of deletions that are not listed.
const unlisted = "incomplete: deleted resources of these types are not listed: "

// A source without a history cannot list deletions, and a warning says so.
func TestDeletionsWithoutHistory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`DROP TABLE patient_history, encounter_history`)
	log := &logBuffer{}
	f.start(t, options{logger: slog.New(slog.NewTextHandler(log, nil))})

	id := f.accept(t, jobs.Request{ChangedAfter: time.Unix(0, 0), Types: []string{"Encounter", "Patient"}})
	f.await(t, id, jobs.Completed)
	require.NotContains(t, f.manifestKeys(t, id), "deleted")
	require.Equal(t, []string{unlisted + "Encounter (there is no table encounter_history), Patient (there is no table patient_history)"}, f.warnings(t, id))
	require.Contains(t, log.String(), "level=WARN msg=\"export incomplete\"")

	full := f.accept(t, jobs.Request{Types: []string{"Encounter", "Patient"}})
	f.await(t, full, jobs.Completed)
	require.Empty(t, f.warnings(t, full), "an export without _since lists no deletions")
}

// A warning names the histories that cannot be read, with the reason. Those of other
// types are read.
func TestDeletionsUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+table("encounter")+table("observation")+table("device")+table("location")+table("task")+`
		CREATE TABLE slot (LIKE patient); CREATE VIEW slot_history AS SELECT * FROM slot;
		INSERT INTO patient_history (id, txid, ts, resource) VALUES ('gone', 1, '2024-05-15Z', '{}');
		INSERT INTO location_history (id, txid, ts, resource) VALUES ('gone', 1, '2024-05-15Z', '{}');
		ALTER TABLE location_history ALTER resource TYPE json;
		ALTER TABLE device_history ALTER ts TYPE timestamp;
		ALTER TABLE task_history DROP COLUMN resource`)
	f.exec(t, `REVOKE ALL ON encounter_history, observation_history FROM `+f.role+`; GRANT SELECT (id, ts) ON observation_history TO `+f.role)
	f.start(t, options{})
	types := []string{"Device", "Encounter", "Location", "Observation", "Patient", "Slot", "Task"}

	request := jobs.Request{ChangedAfter: time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC), Types: types}
	id := f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"Location/gone", "Patient/gone"}, f.deleted(t, id))
	denied := "the database role of the server has no SELECT privilege on it"
	require.Equal(t, []string{unlisted +
		"Device (table device_history cannot be read: column ts is of type timestamp without time zone, not timestamp with time zone), " +
		"Encounter (table encounter_history cannot be read: " + denied + "), " +
		"Slot (view slot_history cannot be read: slot is a table)",
	}, f.warnings(t, id))

	// Only versions show to which patient a deleted resource belonged.
	f.exec(t, `INSERT INTO patient (id, txid, resource) VALUES ('p', 1, '{}');
		INSERT INTO location_history (id, txid, ts, resource) VALUES ('mine', 2, '2024-05-16Z', '{"subject": {"id": "p", "resourceType": "Patient"}}')`)
	request.Level, request.Patients, request.Types = jobs.PatientLevel, []string{"p"}, []string{"Encounter", "Observation", "Patient", "Task"}
	id = f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{unlisted +
		"Encounter (table encounter_history cannot be read: " + denied + "), " +
		"Observation (table observation_history cannot be read: the database role of the server has no SELECT privilege on the columns txid, resource), " +
		"Task (table task_history cannot be read: it has no column resource)",
	}, f.warnings(t, id))
}

// A history may have ids and resources of other types than the table.
func TestDeletionsOfOtherColumns(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `CREATE TABLE patient (id text, txid bigint, ts timestamptz, resource jsonb);
		CREATE TABLE patient_history (id integer, txid integer, ts timestamptz, resource json);
		CREATE TABLE condition (LIKE patient); CREATE TABLE condition_history (LIKE patient_history);
		INSERT INTO patient VALUES ('1', 1, '2024-05-15Z', '{}');
		INSERT INTO patient_history VALUES (1, 1, '2024-05-15Z', '{}'), (2, 1, '2024-05-15Z', '{}');
		INSERT INTO condition_history VALUES (3, 1, '2024-05-15Z', '{"subject": {"id": "1", "resourceType": "Patient"}}'), (4, 1, '2024-05-15Z', '{}')`)
	f.start(t, options{})
	request := jobs.Request{ChangedAfter: time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC), Types: []string{"Condition", "Patient"}}
	id := f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"Condition/3", "Condition/4", "Patient/2"}, f.deleted(t, id))
	request.Level, request.Patients = jobs.PatientLevel, []string{"1"}
	id = f.accept(t, request)
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"Condition/3"}, f.deleted(t, id))
	require.Empty(t, f.warnings(t, id))
}

// A part of deletions fails like others, with a reason.
func TestDeletionsFail(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`
		ALTER TABLE patient_history DROP CONSTRAINT patient_history_pkey, ALTER id DROP NOT NULL;
		INSERT INTO patient_history (txid, ts, resource) VALUES (1, now(), '{}')`)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{ChangedAfter: time.Unix(0, 0)})
	export := f.await(t, id, jobs.Failed)
	require.Contains(t, export.Failure, "deleted/Patient.deleted.0001.ndjson.gz: ")
	f.requireNothing(t, id)
}

// fhirbase is the DDL of a type's table as Fhirbase lays it out.
func fhirbase(name string) string {
	columns := `(id text, txid bigint NOT NULL, ts timestamptz DEFAULT current_timestamp, status text NOT NULL, resource jsonb NOT NULL, PRIMARY KEY `
	return strings.NewReplacer("NAME", name, "COLUMNS", columns).Replace(`CREATE TABLE NAME COLUMNS(id)); CREATE TABLE NAME_history COLUMNS(id, txid));`)
}

// Statements on the resource with the id %[2]d of the table %[1]s, as Aidbox and
// Fhirbase run them. Their ts is now().
const (
	chainPut = `
		INSERT INTO %[1]s_history SELECT * FROM %[1]s WHERE id = '%[2]d';
		INSERT INTO %[1]s (id, txid, status, resource) VALUES ('%[2]d', nextval('transaction_id_seq'), 'created', '{}')
		ON CONFLICT (id) DO UPDATE SET txid = excluded.txid, ts = now(), status = 'updated'`

	chainDelete = `
		INSERT INTO %[1]s_history SELECT * FROM %[1]s WHERE id = '%[2]d';
		INSERT INTO %[1]s_history (id, txid, status, resource)
			SELECT id, nextval('transaction_id_seq'), CASE '%[1]s' WHEN 'patient' THEN 'deleted' ELSE status END, resource FROM %[1]s WHERE id = '%[2]d';
		DELETE FROM %[1]s WHERE id = '%[2]d'`
)

// replica is a client's copy of the database after a chain of exports: the version of
// each resource, by Type/id.
type replica map[string]int64

// apply applies an export to the replica.
func (r replica) apply(t *testing.T, f *fixture, id uuid.UUID) {
	t.Helper()
	written := map[string]bool{}
	for _, resourceType := range []string{"Patient", "Encounter"} {
		for _, line := range f.lines(t, id, resourceType) {
			var resource struct {
				ID   string
				Meta struct{ VersionID int64 }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &resource))
			r[resourceType+"/"+resource.ID] = resource.Meta.VersionID
			written[resourceType+"/"+resource.ID] = true
		}
	}
	for _, url := range f.deleted(t, id) {
		require.False(t, written[url], "%s is both in output and deleted", url)
		delete(r, url)
	}
}

// state reads the replica's equivalent from the database.
func (f *fixture) state(t *testing.T) replica {
	t.Helper()
	rows, err := f.db.Query(t.Context(), `SELECT 'Patient/' || id, txid FROM patient UNION ALL SELECT 'Encounter/' || id, txid FROM encounter`)
	require.NoError(t, err)
	state := replica{}
	defer rows.Close()
	for rows.Next() {
		var url string
		var version int64
		require.NoError(t, rows.Scan(&url, &version))
		state[url] = version
	}
	require.NoError(t, rows.Err())
	return state
}

// change makes every kind of change in a table that can happen between two exports.
func (f *fixture) change(t *testing.T, table string, round int) {
	t.Helper()
	for _, step := range []struct {
		statements string
		id         int
	}{
		{chainPut, 10 + round}, // new
		{chainPut, 2},          // updated
		{chainDelete, 3 + round%3},
		{chainDelete, 1}, {chainPut, 1}, // recreated
		{chainPut, 9}, {chainDelete, 9}, // never seen
		{chainPut, 3 + (round+1)%3}, // recreated after an export without it
	} {
		f.exec(t, fmt.Sprintf(step.statements, table, step.id))
	}
}

// changeSlowly begins a transaction that deletes one resource of each table and inserts
// another. It commits when commit is called.
func (f *fixture) changeSlowly(t *testing.T, round int) (commit func()) {
	t.Helper()
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	for _, table := range []string{"patient", "encounter"} {
		_, err = tx.Exec(t.Context(), fmt.Sprintf(chainDelete, table, 0))
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), fmt.Sprintf(chainPut, table, 100+round))
		require.NoError(t, err)
	}
	return func() { require.NoError(t, tx.Commit(t.Context())) }
}

// A chain of exports, each from the transactionTime of the previous one, makes a copy
// of the database and keeps it up to date while resources are created, changed, deleted
// and created again, also by a transaction that begins before the others and commits
// after the export.
func TestDeletionsInAChain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `CREATE SEQUENCE transaction_id_seq;`+table("patient")+fhirbase("encounter"))
	f.start(t, options{slots: 2})
	for n := range 8 {
		f.exec(t, fmt.Sprintf(chainPut, "patient", n))
		f.exec(t, fmt.Sprintf(chainPut, "encounter", n))
	}

	copied := replica{}
	request := jobs.Request{Types: []string{"Patient", "Encounter"}}
	export := func() {
		id := f.accept(t, request)
		export := f.await(t, id, jobs.Completed)
		copied.apply(t, f, id)
		require.Equal(t, f.state(t), copied)
		request.ChangedAfter = *export.TransactionTime
	}
	for round := range 5 {
		commit := f.changeSlowly(t, round)
		f.change(t, "patient", round)
		f.change(t, "encounter", round)
		export()
		commit()
		if round == 2 {
			export() // between: what was deleted slowly is told now
		}
		f.exec(t, fmt.Sprintf(chainPut, "patient", 0)) // to be deleted again
		f.exec(t, fmt.Sprintf(chainPut, "encounter", 0))
	}
	export()
}
