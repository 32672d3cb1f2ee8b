package ndjson_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/form"
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
	FROM %s
)
SELECT (CASE
	WHEN jsonb_typeof(resource) <> 'object' THEN resource
	WHEN jsonb_typeof(meta) <> 'object' THEN resource || root
	ELSE resource || root || jsonb_build_object('meta', meta || ours)
END)::text FROM columns`

// oracle is a table whose dump, read in each form of jsonb, is compared with the output of
// PostgreSQL.
type oracle struct {
	db           *pgx.Conn
	sources      map[form.Mode]*source.Source
	resourceType string
}

// newOracle returns an empty table of patients.
func newOracle(t *testing.T) oracle {
	t.Helper()
	o := newOracleOn(t, sourcetest.Database(t), "Patient")
	_, err := o.db.Exec(t.Context(), `CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL,
		ts timestamptz, cts timestamptz, resource_type text, status text, resource jsonb NOT NULL)`)
	require.NoError(t, err)
	return o
}

// newOracleOn is newOracle for an existing table.
func newOracleOn(t *testing.T, databaseURL, resourceType string) oracle {
	t.Helper()
	db, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	sourcetest.CreateCast(t, databaseURL)
	o := oracle{db: db, sources: map[form.Mode]*source.Source{}, resourceType: resourceType}
	for _, mode := range []form.Mode{form.Text, form.Stored} {
		src, err := source.Open(t.Context(), source.Config{URL: databaseURL, JSONB: mode})
		require.NoError(t, err)
		t.Cleanup(src.Close)
		o.sources[mode] = src
	}
	return o
}

// dump returns the lines of the table, without line feeds.
func (o oracle) dump(t *testing.T, mode form.Mode, format ndjson.Format) []string {
	t.Helper()
	table, err := o.sources[mode].Table(t.Context(), o.resourceType)
	require.NoError(t, err)
	rows, err := o.sources[mode].Scan(t.Context(), source.Scan{Table: table})
	require.NoError(t, err)
	defer rows.Close()
	var out bytes.Buffer
	result, err := ndjson.Write(t.Context(), &out, o.resourceType, rows, ndjson.Options{Format: format})
	require.NoError(t, err)
	require.EqualValues(t, out.Len(), result.Bytes)
	if out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// requireSame compares dumps of the table with the text that PostgreSQL prints.
func (o oracle) requireSame(t *testing.T, format ndjson.Format) {
	t.Helper()
	rows, err := o.db.Query(t.Context(), fmt.Sprintf(oracleSQL, pgx.Identifier{strings.ToLower(o.resourceType)}.Sanitize()), o.resourceType, format.Style.VersionIDAsString)
	require.NoError(t, err)
	want, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(want)
	for mode := range o.sources {
		got := o.dump(t, mode, format)
		slices.Sort(got)
		requireLines(t, mode, want, got)
	}
}

// requireConverted compares dumps in FHIR format with the conversion of PostgreSQL's
// merged documents.
func (o oracle) requireConverted(t *testing.T) {
	t.Helper()
	converter := fhir.NewConverter(fhir.R4(), fhir.Options{})
	var want []string
	for _, document := range o.dump(t, form.Text, ndjson.Format{}) {
		if document[0] == '{' { // others are not in FHIR ndjson
			want = append(want, string(converter.AppendFHIRType(nil, o.resourceType, []byte(document))))
		}
	}
	for mode := range o.sources {
		requireLines(t, mode, want, o.dump(t, mode, ndjson.Format{FHIR: true}))
	}
}

func requireLines(t *testing.T, mode form.Mode, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want), mode)
	for i := range want {
		if want[i] != got[i] { // require.Equal alone is slow on long lines
			require.Equal(t, want[i], got[i], mode)
		}
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
