package worker_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// aView returns an output that has a column for each path.
func aView(name, resourceType string, columns ...string) jobs.View {
	var list []string
	for i := 0; i < len(columns); i += 2 {
		list = append(list, fmt.Sprintf(`{"name": %q, "path": %q, "type": "string"}`, columns[i], columns[i+1]))
	}
	return jobs.View{Name: name, Definition: json.RawMessage(fmt.Sprintf(
		`{"resourceType": "ViewDefinition", "status": "active", "url": "https://example.org/%[1]s", "version": "1.0", "name": %[1]q, "resource": %[2]q, "select": [{"column": [%[3]s]}]}`,
		name, resourceType, strings.Join(list, ",")))}
}

// threeViews are views over two types.
func threeViews() []jobs.View {
	return []jobs.View{
		aView("visits", "Encounter", "visit", "getResourceKey()", "patient", "subject.getReferenceKey(Patient)", "status", "status"),
		aView("people", "Patient", "patient", "getResourceKey()", "family", "name.family"),
		aView("keys", "Patient", "patient", "getResourceKey()"),
	}
}

// tablesRequest returns a request for tables.
func tablesRequest(format string, views ...jobs.View) jobs.Request {
	request := jobs.Request{URL: "https://fhir.example.org/fhir/$sql-export", Tables: &jobs.Tables{Format: format, TrackingID: "nightly-7", Views: views}}
	for _, v := range views {
		resourceType, err := v.ResourceType()
		if err == nil && !slices.Contains(request.Types, resourceType) {
			request.Types = append(request.Types, resourceType)
		}
	}
	return request
}

// rows returns the rows of a query, each as fields joined by |, sorted.
func (f *fixture) rows(t *testing.T, sql string) []string {
	t.Helper()
	found, err := f.db.Query(t.Context(), sql)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(lines)
	return lines
}

// The rows of threeViews, as PostgreSQL has them.
const (
	visitsSQL = `SELECT id || '|' || (resource#>>'{subject,id}') || '|' || (resource->>'status') FROM encounter`
	peopleSQL = `SELECT id || '|' || (resource#>>'{name,0,family}') FROM patient`
	keysSQL   = `SELECT id FROM patient`
)

// requireTables fails unless the outputs have the rows want, and each file is as it was
// recorded.
func (f *fixture) requireTables(t *testing.T, id uuid.UUID, format string, want map[string][]string) {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	got := map[string][]string{}
	for _, file := range files.Output {
		content := f.object(t, file.ObjectKey)
		require.EqualValues(t, len(content), file.Bytes, file.ObjectKey)
		rows := tableRows(t, format, content)
		require.Len(t, rows, int(file.Resources), file.ObjectKey)
		got[file.Output] = append(got[file.Output], rows...)
	}
	for name, rows := range got {
		slices.Sort(rows)
		require.Equal(t, want[name], rows, name)
	}
	require.Len(t, got, len(want), "each output has a file")
	require.Len(t, f.keys(t, id), len(files.Output)+len(files.Outcomes)+1, "the files and the manifest, and no more")
	require.Zero(t, f.uploads(t))
}

// tableRows returns the rows of a file, each as fields joined by |.
func tableRows(t *testing.T, format string, content []byte) (rows []string) {
	t.Helper()
	switch format {
	case "parquet":
		return parquetRows(t, content)
	case "ndjson":
		for _, line := range unzip(t, content) {
			rows = append(rows, jsonRow(t, line))
		}
		return rows
	}
	records, err := csv.NewReader(strings.NewReader(strings.Join(unzip(t, content), "\n"))).ReadAll()
	require.NoError(t, err)
	for _, record := range records[1:] { // after the header
		rows = append(rows, strings.Join(record, "|"))
	}
	return rows
}

// parquetRows returns the rows of a Parquet file whose columns are strings.
func parquetRows(t *testing.T, content []byte) (rows []string) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	for _, group := range file.RowGroups() {
		reader := group.Rows()
		batch := make([]parquet.Row, 100)
		for err = nil; err == nil; {
			var n int
			n, err = reader.ReadRows(batch)
			for _, row := range batch[:n] {
				var values []string
				for _, value := range row {
					values = append(values, value.String())
				}
				rows = append(rows, strings.Join(values, "|"))
			}
		}
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, reader.Close())
	}
	return rows
}

// jsonRow returns the values of an object in their order, joined by |.
func jsonRow(t *testing.T, line string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	var values []string
	for i := 0; ; i++ {
		token, err := decoder.Token()
		require.NoError(t, err)
		switch {
		case token == json.Delim('}'):
			return strings.Join(values, "|")
		case i > 0 && i%2 == 0: // a value, after its name
			values = append(values, fmt.Sprint(token))
		}
	}
}

// locations returns the locations of the outputs in the bucket's copy of the manifest, by
// name, and the names in order.
func (f *fixture) locations(t *testing.T, id uuid.UUID) (names []string, locations map[string][]string) {
	t.Helper()
	var document struct {
		ResourceType string
		Parameter    []struct {
			Name string
			Part []struct{ Name, ValueString, ValueUri string }
		}
	}
	require.NoError(t, json.Unmarshal(f.object(t, id.String()+"/manifest.json"), &document))
	require.Equal(t, "Parameters", document.ResourceType)
	locations = map[string][]string{}
	for _, parameter := range document.Parameter {
		name := parameter.Name
		if name != "output" && name != "error" {
			continue
		}
		for _, part := range parameter.Part {
			if part.Name == "name" {
				name = part.ValueString
				names = append(names, name)
			} else {
				locations[name] = append(locations[name], part.ValueUri)
			}
		}
	}
	return names, locations
}

// Three views over two types are read in one pass of each table, in every format.
func TestTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{partBytes: 8 * 8192, slots: 2})
	want := map[string][]string{"visits": f.rows(t, visitsSQL), "people": f.rows(t, peopleSQL), "keys": f.rows(t, keysSQL)}
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		id := f.accept(t, tablesRequest(format, threeViews()...))
		export := f.await(t, id, jobs.Completed)
		require.Equal(t, export.BytesPlanned, export.BytesRead)
		require.EqualValues(t, export.BytesPlanned, f.count(t, `SELECT pg_relation_size('patient') + pg_relation_size('encounter')`), "each table is read once")
		require.Greater(t, export.PartsTotal, 4)
		f.requireTables(t, id, format, want)

		suffix := jobs.Tables{Format: format}.FileSuffix()
		names, locations := f.locations(t, id)
		require.Equal(t, []string{"visits", "people", "keys"}, names, "in the order of the request")
		require.Equal(t, id.String()+"/people.0001"+suffix, locations["people"][0])
		require.Equal(t, id.String()+"/people.0002"+suffix, locations["people"][1])
		require.Greater(t, len(locations["keys"]), 2)
		require.NotContains(t, locations, "error")
		manifest := string(f.object(t, id.String()+"/manifest.json"))
		require.Contains(t, manifest, `{"name":"clientTrackingId","valueString":"nightly-7"}`)
		require.Contains(t, manifest, `{"name":"transactionTime","valueInstant":"`+export.TransactionTime.UTC().Format("2006-01-02T15:04:05.000000Z")+`"}`)
		require.Contains(t, manifest, `{"name":"exportEndTime","valueInstant":"`+export.FinishedAt.UTC().Format("2006-01-02T15:04:05.000000Z")+`"}`)
		require.NotContains(t, manifest, `{"name":"location","valueUri":"https:`)
	}
}

// A Parquet file says what it contains.
func TestParquetMetadata(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{})
	id := f.accept(t, tablesRequest("parquet", threeViews()...))
	export := f.await(t, id, jobs.Completed)
	content := f.object(t, id.String()+"/visits.0001.parquet")
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	metadata := map[string]string{}
	for _, pair := range file.Metadata().KeyValueMetadata {
		metadata[pair.Key] = pair.Value
	}
	require.Equal(t, map[string]string{
		"sluice.view":          "https://example.org/visits|1.0",
		"sluice.resource_type": "Encounter",
		"sluice.version":       "v1.2.3-test",
		"sluice.export":        id.String(),
		"sluice.snapshot":      export.TransactionTime.UTC().Format(time.RFC3339Nano),
	}, metadata)
}

// Each output has a file: of a type without a table, without rows, without matches, and
// of more parts of which only the last has rows.
func TestEmptyTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{partBytes: 3 * 8192})
	views := []jobs.View{
		aView("no_table", "Slot", "id", "id"),
		aView("no_rows", "Observation", "id", "id"),
		{Name: "no_match", Definition: json.RawMessage(`{"name": "no_match", "status": "active", "resource": "Patient", "where": [{"path": "id = 'pt-0'"}], "select": [{"column": [{"name": "id", "path": "id"}]}]}`)},
		{Name: "last match", Definition: json.RawMessage(`{"name": "last_match", "status": "active", "resource": "Patient", "where": [{"path": "id = 'pt-200'"}], "select": [{"column": [{"name": "id", "path": "id"}]}]}`)},
	}
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		id := f.accept(t, tablesRequest(format, views...))
		f.await(t, id, jobs.Completed)
		f.requireTables(t, id, format, map[string][]string{"no_table": nil, "no_rows": nil, "no_match": nil, "last match": {"pt-200"}})
		names, locations := f.locations(t, id)
		require.Equal(t, []string{"no_table", "no_rows", "no_match", "last match"}, names)
		for _, name := range names[:3] {
			require.Equal(t, []string{id.String() + "/" + name + ".0001" + jobs.Tables{Format: format}.FileSuffix()}, locations[name])
		}
		require.Len(t, locations["last match"], 2, "the parts between have no file")
		require.Equal(t, id.String()+"/last_match.0001"+jobs.Tables{Format: format}.FileSuffix(), locations["last match"][0])
	}
	id := f.accept(t, tablesRequest("csv", views[0])) // no type has a table
	f.await(t, id, jobs.Completed)
	require.Equal(t, []string{"id"}, unzip(t, f.object(t, id.String()+"/no_table.0001.csv.gz")), "the header")

	request := tablesRequest("csv", views[0])
	request.Existing = true
	id = f.accept(t, request)
	require.Equal(t, "Slot: the table does not exist", f.await(t, id, jobs.Failed).Failure)
}

// A part is written to several files if one would be too large.
func TestLargeTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+`
		INSERT INTO patient (id, txid, resource)
		SELECT 'pt-' || n, n, jsonb_build_object('name', jsonb_build_array(jsonb_build_object('family', repeat(md5(n::text), 8)))) FROM generate_series(1, 2000) AS n`)
	f.start(t, options{maxFileBytes: 100 << 10})
	want := map[string][]string{"people": f.rows(t, peopleSQL), "keys": f.rows(t, keysSQL)}
	for _, format := range []string{"csv", "parquet"} {
		id := f.accept(t, tablesRequest(format, threeViews()[1:]...))
		f.await(t, id, jobs.Completed)
		f.requireTables(t, id, format, want)
		_, locations := f.locations(t, id)
		suffix := jobs.Tables{Format: format}.FileSuffix()
		require.Len(t, locations["keys"], 1)
		require.Greater(t, len(locations["people"]), 2)
		require.Equal(t, id.String()+"/people.0001"+suffix, locations["people"][0])
		require.Equal(t, id.String()+"/people.0001-2"+suffix, locations["people"][1])
	}
}

// More views of a type than a part can have are read in several passes.
func TestManyTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{})
	var views []jobs.View
	want := map[string][]string{}
	for i := range 20 {
		name := fmt.Sprintf("view%d", i)
		views = append(views, aView(name, "Patient", "id", "id"))
		want[name] = f.rows(t, keysSQL)
	}
	id := f.accept(t, tablesRequest("csv", views...))
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 2, export.PartsTotal)
	f.requireTables(t, id, "csv", want)
}

// A resource that a view cannot be evaluated on fails the export at once, and the client
// learns which one it is.
func TestDataErrorOfTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`
		UPDATE patient SET resource = '{"name": [{"given": ["secret", "values"]}]}' WHERE id = 'pt-17'`)
	log := &logBuffer{}
	f.start(t, options{logger: slog.New(slog.NewJSONHandler(log, nil))})
	given := "name.given.where($this != 'Mustermann')"
	id := f.accept(t, tablesRequest("parquet", aView("visits", "Encounter", "id", "id"), aView("people", "Patient", "id", "id", "given", given)))
	export := f.await(t, id, jobs.Failed)
	require.Contains(t, export.Failure, "Patient/pt-17: view people: column given ("+given+"): ")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "Patient/pt-17: view people: column given: ") }, patience, 50*time.Millisecond)
	f.eventually(t, "the failure is logged", func() bool { return len(log.lines(t, "export failed")) > 0 })
	require.Equal(t, "a view could not be evaluated", log.requireLine(t, "export failed", id)["reason"])
	require.NotContains(t, log.String(), "Mustermann")
	require.NotContains(t, log.String(), `"level":"ERROR"`, "it is no fault of the server")
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE errors::text LIKE '%Mustermann%'`))
	require.NotContains(t, export.Failure, "secret")
	require.NotContains(t, export.Failure, "internal error")
	f.requireNoRetry(t)
	f.requireNothing(t, id)
	require.Equal(t, []jobs.View{{Name: "visits"}, {Name: "people"}}, export.Request.Tables.Views, "the definitions are forgotten")
}

// A view that the worker cannot parse fails the export at once.
func TestInvalidView(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{})
	id := f.accept(t, tablesRequest("csv", aView("people", "Patient", "id", "nonsense(")))
	require.Contains(t, f.await(t, id, jobs.Failed).Failure, "view people: invalid ViewDefinition: select[0].column[0].path: ")
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// What could not be converted is reported beside the tables.
func TestOutcomesOfTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`INSERT INTO patient (id, txid, resource) VALUES ('number', 9001, '17')`)
	f.start(t, options{})
	id := f.accept(t, tablesRequest("parquet", threeViews()[1]))
	f.await(t, id, jobs.Completed)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	outcomes := f.outcomes(t, files.Outcomes)
	require.Len(t, outcomes, 1)
	require.Equal(t, "Patient/number: Patient: not an object; it is not exported", outcomes[0].Issue[0].Diagnostics)
	_, locations := f.locations(t, id)
	require.Equal(t, []string{id.String() + "/error/people.errors.0001.ndjson.gz"}, locations["error"])
	f.requireTables(t, id, "parquet", map[string][]string{"people": f.rows(t, peopleSQL+` WHERE id <> 'number'`)})
}

// Tables have the resources of the selected patients that were changed since a time.
func TestTablesOfPatients(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+`UPDATE encounter SET ts = '2024-01-01Z' WHERE id = 'en-8'`)
	f.start(t, options{})
	request := tablesRequest("csv", threeViews()...)
	request.Level, request.Patients = jobs.PatientLevel, []string{"pt-7", "pt-8", "pt-9"}
	request.ChangedAfter = time.Date(2024, 5, 6, 15, 30, 0, 0, time.UTC) // pt-8 changed at 15:08, pt-9 at 16:08
	id := f.accept(t, request)
	f.await(t, id, jobs.Completed)
	f.requireTables(t, id, "csv", map[string][]string{
		"visits": f.rows(t, visitsSQL+` WHERE id IN ('en-7', 'en-9')`), "people": f.rows(t, peopleSQL+` WHERE id = 'pt-9'`), "keys": {"pt-9"},
	})
}

// First-class extensions are extensions for views, too.
func TestAttributesOfTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+table("attribute")+`
		INSERT INTO attribute (id, txid, resource) VALUES
		('Patient.race', 1, '{"path": ["race"], "resource": {"id": "Patient", "resourceType": "Entity"}, "type": {"id": "code", "resourceType": "Entity"}, "extensionUrl": "urn:race"}');
		INSERT INTO patient (id, txid, resource) VALUES ('pt-1', 1, '{"race": "x"}')`)
	first := f.start(t, options{})
	id := f.accept(t, tablesRequest("csv", aView("races", "Patient", "race", "extension('urn:race').value.ofType(code)")))
	f.await(t, id, jobs.Completed)
	f.requireTables(t, id, "csv", map[string][]string{"races": {"x"}})
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.part`))

	f.exec(t, `REVOKE ALL ON attribute FROM `+f.role)
	first.stop(t)
	f.start(t, options{})
	id = f.accept(t, tablesRequest("csv", aView("ids", "Patient", "id", "id")))
	f.await(t, id, jobs.Completed)
	require.Len(t, f.warnings(t, id), 1)
	require.Contains(t, f.warnings(t, id)[0], "first-class extensions are exported as they are stored: table attribute cannot be read")
}

// A part that is read again, in this process or in another one, overwrites its files.
func TestTablesOfRetriedPart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	first := f.start(t, options{partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, tablesRequest("csv", threeViews()...))
	f.awaitReaders(t, 2)
	require.Equal(t, 2, f.count(t, terminateReadersSQL))
	want := map[string][]string{"visits": f.rows(t, visitsSQL), "people": f.rows(t, peopleSQL), "keys": f.rows(t, keysSQL)}
	f.exec(t, `DELETE FROM patient WHERE id = 'pt-200'`)
	f.start(t, options{partBytes: 3 * 8192, slots: 2})
	f.awaitReaders(t, 4)
	held := f.snapshot(t, id)
	first.stop(t)
	f.eventually(t, "the other process holds the snapshot", func() bool { return f.snapshot(t, id) != held })
	open()
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 1, export.Generation, "the snapshot was still held")
	require.Greater(t, f.count(t, `SELECT count(*) FROM sluice.part WHERE attempt > 1`), 1)
	f.requireTables(t, id, "csv", want)
}

// A part whose files were uploaded and not published is written again.
func TestTablesNotMarkedDone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.refuseOnce(t, "sluice.part", "done")
	f.start(t, options{})
	id := f.accept(t, tablesRequest("ndjson", threeViews()...))
	f.await(t, id, jobs.Completed)
	f.requireTables(t, id, "ndjson", map[string][]string{"visits": f.rows(t, visitsSQL), "people": f.rows(t, peopleSQL), "keys": f.rows(t, keysSQL)})
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind = 'sluice_part' AND attempt = 2`))
}

// The store loses a file of one view: its part is read again for all of them.
func TestDamagedTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	first := true
	bucketURL := f.damaging(t, lose, func(name string) bool {
		lost := first && strings.Contains(name, "/people.0002")
		first = first && !lost
		return lost
	})
	f.start(t, options{bucketURL: bucketURL, partBytes: 8 * 8192, slots: 1})
	id := f.accept(t, tablesRequest("parquet", threeViews()...))
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 1, export.Generation)
	require.Equal(t, 1, f.count(t, `SELECT repairs FROM sluice.export`))
	f.requireTables(t, id, "parquet", map[string][]string{"visits": f.rows(t, visitsSQL), "people": f.rows(t, peopleSQL), "keys": f.rows(t, keysSQL)})
}

// After the loss of its snapshot, the export has only the rows of the new one.
func TestTablesOfTwoGenerations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "encounter")
	f.start(t, options{partBytes: 3 * 8192, slots: 2})
	id := f.accept(t, tablesRequest("csv", threeViews()...))
	f.awaitReaders(t, 2)
	require.NotEmpty(t, f.keys(t, id), "some files show the old state")
	f.exec(t, `DELETE FROM encounter; DELETE FROM patient WHERE id <> 'pt-3'`)
	f.loseSnapshot(t, id)
	open()
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 2, export.Generation)
	f.requireTables(t, id, "csv", map[string][]string{"visits": nil, "people": f.rows(t, peopleSQL), "keys": {"pt-3"}})
}
