package jobs_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// tablesRequest asks for two views.
func tablesRequest() jobs.Request {
	return jobs.Request{
		URL: "https://x/fhir/$sql-export", Types: []string{"Patient"}, Patients: []string{"secret"},
		Tables: &jobs.Tables{Format: "csv", NoHeader: true, TrackingID: "nightly-7", Views: []jobs.View{
			{Name: "zeta", Definition: json.RawMessage(`{"resource": "Patient", "constant": [{"name": "x", "valueDecimal": 1.50}]}`)},
			{Name: "Alpha", Definition: json.RawMessage(`{"resource": "Patient"}`)},
		}},
	}
}

// The parts of an output come together, in their order, whatever the order in which
// they were planned and written.
func TestFilesOfOutputs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	id, err := f.store.Accept(t.Context(), client, tablesRequest())
	require.NoError(t, err)
	export, err := f.store.Begin(t.Context(), id)
	require.NoError(t, err)
	plan := plan(id, 10, 20)
	for i, key := range []string{"/zeta.0002.csv.gz", "/zeta.0001.csv.gz"} {
		plan.Parts[i].Kind = jobs.Views
		plan.Parts[i].ObjectKey = id.String() + key
	}
	require.NoError(t, f.store.Start(t.Context(), export, plan))

	written := map[string][]string{
		"/zeta.0001.csv.gz": {"zeta", "/zeta.0001.csv.gz", "Alpha", "/Alpha.0001.csv.gz", "zeta", "/zeta.0001-2.csv.gz"},
		"/zeta.0002.csv.gz": {"Alpha", "/Alpha.0002.csv.gz", "zeta", "/zeta.0002.csv.gz"},
	}
	for range plan.Parts {
		a := f.take(t)
		part := f.hold(t, a.job.Args)
		require.Equal(t, jobs.Views, part.Kind)
		require.JSONEq(t, string(tablesRequest().Tables.Views[0].Definition), string(part.Request.Tables.Views[0].Definition))
		require.Contains(t, string(part.Request.Tables.Views[0].Definition), "1.50", "numbers keep their text")
		var files []jobs.File
		names := written[part.ObjectKey[len(id.String()):]]
		for i := 0; i < len(names); i += 2 {
			files = append(files, jobs.File{Kind: jobs.Output, Output: names[i], ResourceType: "Patient", ObjectKey: id.String() + names[i+1], SHA256: []byte("hash")})
		}
		files = append(files, jobs.File{Kind: jobs.Outcome, ResourceType: "OperationOutcome", ObjectKey: part.ObjectKey + ".errors", SHA256: []byte("hash")})
		require.NoError(t, f.store.CompletePart(a.ctx, a.job, part, files, nothing))
		a.end(nil)
	}
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	var keys []string
	for _, file := range files.Output {
		keys = append(keys, file.Output+file.ObjectKey[len(id.String()):])
	}
	require.Equal(t, []string{
		"Alpha/Alpha.0001.csv.gz", "Alpha/Alpha.0002.csv.gz",
		"zeta/zeta.0001.csv.gz", "zeta/zeta.0001-2.csv.gz", "zeta/zeta.0002.csv.gz",
	}, keys)
	require.Len(t, files.Outcomes, 2)
	require.Empty(t, files.Outcomes[0].Output)
	require.NoError(t, f.store.Complete(t.Context(), f.get(t, id), time.Hour, nil, noManifest))
	file, err := f.store.File(t.Context(), id, files.Output[3].ObjectKey)
	require.NoError(t, err)
	require.Equal(t, files.Output[3], file)
}

// Only what works on an export reads the definitions of its views.
func TestDefinitionsOfTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	id, err := f.store.Accept(t.Context(), client, tablesRequest())
	require.NoError(t, err)
	names := tablesRequest()
	for i := range names.Tables.Views {
		names.Tables.Views[i].Definition = nil
	}
	require.Equal(t, names, f.get(t, id).Request)
	export, err := f.store.Begin(t.Context(), id)
	require.NoError(t, err)
	require.JSONEq(t, string(tablesRequest().Tables.Views[1].Definition), string(export.Request.Tables.Views[1].Definition))
	require.Equal(t, names, f.get(t, id).Request)
}

// An export of tables that has ended keeps what its status needs: no definitions.
func TestEndedTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	id, err := f.store.Accept(t.Context(), client, tablesRequest())
	require.NoError(t, err)
	kept := jobs.Request{Types: []string{"Patient"}, Tables: &jobs.Tables{
		Format: "csv", NoHeader: true, TrackingID: "nightly-7", Views: []jobs.View{{Name: "zeta"}, {Name: "Alpha"}},
	}}
	require.NoError(t, f.store.Fail(t.Context(), id, "it had to"))
	failed := f.get(t, id)
	require.Equal(t, kept, failed.Request)
	require.WithinDuration(t, failed.CreatedAt, *failed.FinishedAt, time.Minute)
	require.NoError(t, f.store.Cancel(t.Context(), id, client))
	require.Equal(t, kept, f.get(t, id).Request)

	resources := f.accept(t)
	require.NoError(t, f.store.Fail(t.Context(), resources, "it had to"))
	require.Equal(t, jobs.Request{Types: []string{"Patient"}}, f.get(t, resources).Request)
}

// Two kick-offs of tables are identical if their views are.
func TestReuseRunningTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	store, err := jobs.New(f.db, jobs.Config{ReuseRunning: true})
	require.NoError(t, err)
	first, err := store.Accept(t.Context(), client, tablesRequest())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		change func(*jobs.Tables)
		reused bool
	}{
		"identical":        {func(*jobs.Tables) {}, true},
		"white space":      {func(r *jobs.Tables) { r.Views[1].Definition = json.RawMessage(` { "resource" : "Patient" } `) }, true},
		"other definition": {func(r *jobs.Tables) { r.Views[1].Definition = json.RawMessage(`{"resource": "Patient", "select": []}`) }, false},
		"other name":       {func(r *jobs.Tables) { r.Views[1].Name = "beta" }, false},
		"other order":      {func(r *jobs.Tables) { r.Views[0], r.Views[1] = r.Views[1], r.Views[0] }, false},
		"other format":     {func(r *jobs.Tables) { r.Format = "parquet" }, false},
		"header":           {func(r *jobs.Tables) { r.NoHeader = false }, false},
		"tracking id":      {func(r *jobs.Tables) { r.TrackingID = "nightly-8" }, false},
	} {
		request := tablesRequest()
		test.change(request.Tables)
		id, err := store.Accept(t.Context(), client, request)
		require.NoError(t, err)
		require.Equal(t, test.reused, id == first, name)
	}
}

func TestTableFiles(t *testing.T) {
	t.Parallel()
	require.Equal(t, ".csv.gz", jobs.Tables{Format: "csv"}.FileSuffix())
	require.Equal(t, ".ndjson.gz", jobs.Tables{Format: "ndjson"}.FileSuffix())
	require.Equal(t, ".parquet", jobs.Tables{Format: "parquet"}.FileSuffix())
	require.Equal(t, "a_b-9__x____", jobs.View{Name: `a_b-9/.x"ö` + "\x00 "}.FileName())
	require.Equal(t, "_rf", jobs.View{Name: "-rf"}.FileName(), "not an option of a program")
	require.Equal(t, "_hidden", jobs.View{Name: ".hidden"}.FileName())

	resourceType, err := jobs.View{Definition: json.RawMessage(`{"select": [], "resource": "Patient"}`)}.ResourceType()
	require.NoError(t, err)
	require.Equal(t, "Patient", resourceType)
	_, err = jobs.View{Name: "x", Definition: json.RawMessage(`nonsense`)}.ResourceType()
	require.ErrorContains(t, err, "view x: ")
}
