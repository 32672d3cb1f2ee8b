package ndjson_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// oracleSQL returns the expected lines, built and printed by PostgreSQL.
const oracleSQL = `
WITH columns AS (
	SELECT resource, jsonb_build_object('id', id, 'resourceType', $1::text) AS root,
		coalesce(nullif(resource->'meta', 'null'), '{}') AS meta,
		jsonb_build_object('versionId', CASE WHEN $2 THEN to_jsonb(txid::text) ELSE to_jsonb(txid) END)
			|| CASE WHEN isfinite(ts) THEN jsonb_build_object('lastUpdated', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ELSE '{}' END
			|| CASE WHEN isfinite(cts) THEN jsonb_build_object('createdAt', to_char(cts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ELSE '{}' END AS ours
	FROM patient
)
SELECT (CASE
	WHEN jsonb_typeof(resource) <> 'object' THEN resource
	WHEN jsonb_typeof(meta) <> 'object' THEN resource || root
	ELSE resource || root || jsonb_build_object('meta', meta || ours)
END)::text FROM columns`

// oracle is a table whose dump is compared with the output of PostgreSQL.
type oracle struct {
	db     *pgx.Conn
	source *source.Source
}

func newOracle(t *testing.T) oracle {
	t.Helper()
	databaseURL := sourcetest.Database(t)
	db, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	_, err = db.Exec(t.Context(), `CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL,
		ts timestamptz, cts timestamptz, resource_type text, status text, resource jsonb NOT NULL)`)
	require.NoError(t, err)

	src, err := source.Open(t.Context(), source.Config{URL: databaseURL})
	require.NoError(t, err)
	t.Cleanup(src.Close)
	return oracle{db: db, source: src}
}

func (o oracle) rows(t *testing.T) *source.Rows {
	t.Helper()
	table, err := o.source.Table(t.Context(), "Patient")
	require.NoError(t, err)
	rows, err := o.source.Scan(t.Context(), source.Scan{Table: table})
	require.NoError(t, err)
	t.Cleanup(rows.Close)
	return rows
}

// requireSame compares a dump of the table with the text that PostgreSQL prints.
func (o oracle) requireSame(t *testing.T, format ndjson.Format) {
	t.Helper()
	var out bytes.Buffer
	result, err := ndjson.Write(t.Context(), &out, "Patient", o.rows(t), ndjson.Options{Format: format})
	require.NoError(t, err)
	require.EqualValues(t, out.Len(), result.Bytes)
	got := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")

	rows, err := o.db.Query(t.Context(), oracleSQL, "Patient", format.Style.VersionIDAsString)
	require.NoError(t, err)
	want, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.EqualValues(t, len(want), result.Rows)

	slices.Sort(got)
	slices.Sort(want)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], strings.TrimSuffix(got[i], "\n"))
	}
}

// requireConverted compares a dump in FHIR format with the conversion of
// PostgreSQL's merged documents.
func (o oracle) requireConverted(t *testing.T) {
	t.Helper()
	var merged, got bytes.Buffer
	_, err := ndjson.Write(t.Context(), &merged, "Patient", o.rows(t), ndjson.Options{})
	require.NoError(t, err)
	_, err = ndjson.Write(t.Context(), &got, "Patient", o.rows(t), ndjson.Options{Format: ndjson.Format{FHIR: true}})
	require.NoError(t, err)

	converter := fhir.NewConverter(fhir.R4(), fhir.Options{})
	lines := strings.Split(got.String(), "\n")
	resources := slices.DeleteFunc(strings.Split(merged.String(), "\n"), func(document string) bool {
		return document != "" && document[0] != '{' // not in FHIR ndjson
	})
	require.Len(t, lines, len(resources))
	for i, document := range resources {
		require.Equal(t, string(converter.AppendFHIRType(nil, "Patient", []byte(document))), lines[i])
	}
}

// insert adds each document four times: with both times, with neither, with infinite
// ones and with extreme ones, under ids that need escapes.
func (o oracle) insert(t *testing.T, documents []string) {
	t.Helper()
	_, err := o.db.Exec(t.Context(), `
		INSERT INTO patient (id, txid, ts, cts, resource)
		SELECT n || kind.id, n, kind.ts, kind.cts, document::jsonb
		FROM unnest($1::text[]) WITH ORDINALITY AS documents (document, n),
			(VALUES ('', '2021-06-10 08:26:10.707454Z'::timestamptz, '0001-01-01 00:00:00Z'::timestamptz),
				(E'"\\\b\f\n\r\t\x01\x7fé', NULL, NULL),
				('-x', 'infinity', '-infinity'),
				('-y', '9999-12-31 23:59:59.999999Z', '1969-12-31 23:59:59.9Z')) AS kind (id, ts, cts)`, documents)
	require.NoError(t, err)
}
