package worker_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// files returns the lines of each file of the export, by its key.
func (f *fixture) files(t *testing.T, id uuid.UUID) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	for _, key := range f.keys(t, id) {
		if strings.HasSuffix(key, ".ndjson.gz") {
			files[key] = unzip(t, f.object(t, id.String()+"/"+key))
		}
	}
	return files
}

// formRequests are exports that read rows in every way.
var formRequests = map[string]jobs.Request{
	"Aidbox":   {},
	"FHIR":     {FHIR: true, Types: []string{"Patient", "Encounter"}},
	"Elements": {FHIR: true, Elements: []string{"name"}},
	"Filter":   {FHIR: true, Filters: map[string][]string{"Encounter": {"subject=Patient/pt-7"}}},
	"Since":    {FHIR: true, ChangedAfter: time.Date(2024, 5, 10, 0, 0, 0, 0, time.UTC)},
	"Patient":  {FHIR: true, OrganizeBy: "Patient", MaxFileBytes: 64 << 10},
}

// formSetup adds to setup resources of other shapes, a deletion and a first-class
// extension.
var formSetup = setup() + table("attribute") + `
	INSERT INTO attribute (id, txid, resource) VALUES ('Patient.height', 1,
		'{"path": ["height"], "type": {"id": "decimal"}, "resource": {"id": "Patient"}, "extensionUrl": "http://example.org/height"}');
	INSERT INTO patient (id, txid, ts, resource) SELECT 'odd-' || n, 5000 + n, '2024-06-01Z', jsonb_build_object('height', n * 1.50, 'text', E'\u65e5\n\x1f"' || n,
		'name', (SELECT jsonb_agg(jsonb_build_object('family', i, 'given', '[]'::jsonb)) FROM generate_series(1, n) AS i)) FROM generate_series(1, 70) AS n;
	INSERT INTO patient_history (id, txid, ts, status, resource) VALUES ('gone', 6000, '2024-06-01Z', 'deleted', '{}');`

// Workers that read resources in different forms write the same files, and may work on
// one export.
func TestForms(t *testing.T) {
	t.Parallel()
	for name, request := range formRequests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, formSetup)
			sourcetest.CreateCast(t, f.url)
			gate := f.gate
			if request.OrganizeBy != "" {
				gate = f.gatePicks
			}
			open := gate(t, "patient")
			text := f.start(t, options{jsonb: form.Text, partBytes: 3 * 8192, slots: 1})
			f.start(t, options{jsonb: form.Stored, partBytes: 3 * 8192, slots: 1})
			mixed := f.accept(t, request)
			f.awaitReaders(t, 2)
			open()
			f.await(t, mixed, jobs.Completed)
			text.stop(t)
			stored := f.accept(t, request)
			f.await(t, stored, jobs.Completed)
			require.NotEmpty(t, f.files(t, mixed))
			require.Equal(t, f.files(t, stored), f.files(t, mixed))
			if name == "Aidbox" {
				require.Equal(t, f.oracle(t, "Patient", "patient"), f.lines(t, mixed, "Patient"))
			}
		})
	}
}

// If the cast is dropped, the export waits, which SLUICE_OUTAGE_LIMIT bounds. Its parts are
// retried without a counted attempt, and read text.
func TestCastDropped(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	sourcetest.CreateCast(t, f.url)
	f.countAttempts(t, 1)
	log := &logBuffer{}
	f.start(t, options{partBytes: 3 * 8192, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil))})
	f.requireWhole(t, f.await(t, f.accept(t, jobs.Request{}), jobs.Completed))
	f.exec(t, `DROP CAST (jsonb AS bytea)`)
	id := f.accept(t, jobs.Request{})
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.NotZero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE metadata ? 'snoozes' AND args ->> 'export_id' = $1`, id.String()))
	require.Contains(t, log.String(), `"msg":"export waiting","export":"`+id.String()+`","reason":"the source database no longer sends resources in their stored form"`)
}

// A worker that must read the stored form is unhealthy while there is no cast.
func TestFormUnavailable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	sourcetest.CreateCast(t, f.url)
	f.countAttempts(t, 1)
	w := f.start(t, options{jsonb: form.Stored})
	f.requireWhole(t, f.await(t, f.accept(t, jobs.Request{}), jobs.Completed))
	f.exec(t, `DROP CAST (jsonb AS bytea)`)
	id := f.accept(t, jobs.Request{})
	f.awaitWaiting(t, id, "the source database does not send resources in the form that the worker requires")
	require.Error(t, w.worker.Ready(t.Context()))
	sourcetest.CreateCast(t, f.url)
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.NoError(t, w.worker.Ready(t.Context()))
}

// An export with a malformed resource fails, and names its table.
func TestMalformedResource(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`ALTER TABLE patient SET (autovacuum_enabled = off); CREATE CAST (bytea AS jsonb) WITHOUT FUNCTION;
		INSERT INTO patient (id, txid, resource_type, resource) VALUES ('bad', 1, 'Patient', '\x0100002073656372657400'::bytea::jsonb)`)
	sourcetest.CreateCast(t, f.url)
	f.start(t, options{})
	export := f.await(t, f.accept(t, jobs.Request{}), jobs.Failed)
	require.Equal(t, `Patient.0001.ndjson.gz: table "public"."patient" has a malformed row; the server log has its id`, export.Failure)
}
