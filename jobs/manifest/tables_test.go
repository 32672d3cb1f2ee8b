package manifest_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// The manifest of tables has the outputs in the order of the request, each with all of
// its files.
func TestWriteTables(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 1, 2, 59, 59, 500000000, time.UTC)
	end := time.Date(2026, 2, 1, 4, 4, 10, 900000000, time.FixedZone("", 3600))
	export := jobs.Export{
		ID: uuid.MustParse("9f2c0000-0000-4000-8000-000000000000"), CreatedAt: at.Add(500 * time.Millisecond), TransactionTime: &at, FinishedAt: &end,
		Request: jobs.Request{Tables: &jobs.Tables{Format: "parquet", TrackingID: "nightly-7", Views: []jobs.View{{Name: "bp"}, {Name: "a <b>"}}}},
	}
	files := jobs.Files{
		Output:   []jobs.File{{Output: "a <b>", ObjectKey: "x/a__b_.0001.parquet"}, {Output: "bp", ObjectKey: "x/bp.0001.parquet"}, {Output: "bp", ObjectKey: "x/bp.0002.parquet"}},
		Outcomes: []jobs.File{{ObjectKey: "x/error/bp.errors.0001.ndjson.gz"}},
	}
	var written bytes.Buffer
	require.NoError(t, manifest.WriteTables(&written, export, files, manifest.Options{
		StatusURL: "https://ex.org/fhir/$sql-export/9f2c/status",
		URL:       func(file jobs.File) (string, error) { return "https://s3/" + file.ObjectKey + "?a=b&c=d", nil },
	}))
	require.NotContains(t, written.String(), `\u0026`, "links are to be copied")
	require.JSONEq(t, `{"resourceType":"Parameters","parameter":[
		{"name":"exportId","valueString":"9f2c0000-0000-4000-8000-000000000000"},
		{"name":"clientTrackingId","valueString":"nightly-7"},
		{"name":"status","valueCode":"completed"},
		{"name":"_format","valueCode":"parquet"},
		{"name":"location","valueUri":"https://ex.org/fhir/$sql-export/9f2c/status"},
		{"name":"exportStartTime","valueInstant":"2026-02-01T03:00:00.000000Z"},
		{"name":"exportEndTime","valueInstant":"2026-02-01T03:04:10.900000Z"},
		{"name":"exportDuration","valueInteger":250},
		{"name":"transactionTime","valueInstant":"2026-02-01T02:59:59.500000Z"},
		{"name":"output","part":[{"name":"name","valueString":"bp"},
			{"name":"location","valueUri":"https://s3/x/bp.0001.parquet?a=b&c=d"},
			{"name":"location","valueUri":"https://s3/x/bp.0002.parquet?a=b&c=d"}]},
		{"name":"output","part":[{"name":"name","valueString":"a <b>"},
			{"name":"location","valueUri":"https://s3/x/a__b_.0001.parquet?a=b&c=d"}]},
		{"name":"error","part":[{"name":"location","valueUri":"https://s3/x/error/bp.errors.0001.ndjson.gz?a=b&c=d"}]}
	]}`, written.String())

	refused := errors.New("no credentials")
	require.ErrorIs(t, manifest.WriteTables(&written, export, files, manifest.Options{
		URL: func(jobs.File) (string, error) { return "", refused },
	}), refused)
}

// A manifest without a status URL, a tracking id and outcomes has no empty parameters.
func TestWriteTablesWithoutOptional(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	export := jobs.Export{CreatedAt: at, TransactionTime: &at, FinishedAt: &at, Request: jobs.Request{Tables: &jobs.Tables{Format: "csv", Views: []jobs.View{{Name: "bp"}}}}}
	var written bytes.Buffer
	require.NoError(t, manifest.WriteTables(&written, export, jobs.Files{Output: []jobs.File{{Output: "bp", ObjectKey: "x"}}}, manifest.Options{
		URL: func(file jobs.File) (string, error) { return file.ObjectKey, nil },
	}))
	for _, name := range []string{"clientTrackingId", `"location","valueUri":""`, `"error"`} {
		require.NotContains(t, written.String(), name)
	}
	require.Contains(t, written.String(), `{"name":"exportDuration","valueInteger":0}`)
}
