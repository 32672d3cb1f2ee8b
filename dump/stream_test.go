package dump_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/form"
)

// A stream has the types one after the other.
func TestStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	from := f.open(t, form.Auto)
	for _, jobs := range []int{1, 3} {
		for _, gzip := range []bool{false, true} {
			options := small(jobs)
			options.Gzip = gzip
			var out bytes.Buffer
			result, err := dump.ToStream(t.Context(), from, &out, options)
			require.NoError(t, err)
			require.EqualValues(t, 7085, result.Resources())
			require.EqualValues(t, out.Len(), result.Bytes)
			plain := out.Bytes()
			if gzip {
				plain = gunzip(t, plain)
			}
			lines := split(plain)
			for _, resourceType := range types {
				want := f.lines(t, resourceType, "")
				requireSame(t, want, lines[:len(want)], resourceType)
				if jobs == 1 {
					require.Equal(t, want, lines[:len(want)])
				}
				lines = lines[len(want):]
			}
			require.Empty(t, lines)
		}
	}
}

// A dump has the bytes of $dump.
func TestSameAsDump(t *testing.T) {
	t.Parallel()
	b := apitest.Setup(t)
	b.Documented(t)
	b.Exec(t, `INSERT INTO observation (id, txid, ts, cts, status, resource) SELECT 'o' || n, n, '2026-01-01Z'::timestamptz + n * interval '1 hour', '2025-01-01Z'::timestamptz + n * interval '1 hour', 'created',
		jsonb_build_object('subject', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-' || n), 'value', jsonb_build_object('string', repeat('x', n)), 'odd', n)
		FROM generate_series(1, 500) AS n`)
	since := time.Date(2025, 1, 10, 0, 0, 0, 0, time.UTC)
	style := fhir.Style{CreatedAtURL: fhir.DefaultCreatedAtURL}
	for query, adjust := range map[string]func(*dump.Options){
		"":                             func(*dump.Options) {},
		"?fhir=true":                   func(o *dump.Options) { o.Format = ndjson.Format{FHIR: true, Style: style} },
		"?_since=2025-01-10":           func(o *dump.Options) { o.CreatedAfter = since },
		"?_since=2025-01-10&fhir=true": func(o *dump.Options) { o.CreatedAfter, o.Format = since, ndjson.Format{FHIR: true, Style: style} },
		"?gzip=true&_since=2025-01-10": func(o *dump.Options) { o.CreatedAfter, o.Gzip = since, true },
	} {
		for _, resourceType := range []string{"Patient", "Appointment", "Group", "Observation"} {
			want := b.Get(t, "/"+resourceType+"/$dump"+query)
			options := dump.Options{Types: []string{resourceType}, Jobs: 1, Format: ndjson.Format{Style: style}, Progress: &recorder{}, Warn: func(string) {}}
			adjust(&options)
			var out bytes.Buffer
			_, err := dump.ToStream(t.Context(), b.Source, &out, options)
			require.NoError(t, err)
			if options.Gzip {
				require.Equal(t, apitest.Gunzip(t, want.Text), string(gunzip(t, out.Bytes())))
				continue
			}
			require.Equal(t, want.Text, out.String(), resourceType+query)
		}
	}
}

// gone is a pipe without a reader.
type gone struct{}

var errGone = errors.New("broken pipe")

func (gone) Write([]byte) (int, error) { return 0, errGone }

func TestReaderOfStreamGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, jobs := range []int{1, 3} {
		_, err := dump.ToStream(t.Context(), f.open(t, form.Auto), gone{}, small(jobs))
		require.ErrorIs(t, err, errGone)
	}
}

// Filters of a type are alternatives; the times of creation limit all.
func TestFilters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec(t, `CREATE INDEX ON patient (cts); ANALYZE patient`)
	female, err := search.Parse("Patient", "gender=female")
	require.NoError(t, err)
	one, err := search.Parse("Patient", "_id=pt-2")
	require.NoError(t, err)
	options := small(3)
	options.Types = []string{"Patient", "Observation"}
	options.Filters = map[string][]search.Filter{"Patient": {female, one}}
	lines := func() []string {
		var out bytes.Buffer
		_, err := dump.ToStream(t.Context(), f.open(t, form.Auto), &out, options)
		require.NoError(t, err)
		return split(out.Bytes())
	}
	wanted := f.lines(t, "Patient", ` WHERE resource->>'gender' = 'female' OR id = 'pt-2'`)
	require.Len(t, wanted, 2001)
	requireSame(t, append(wanted, f.lines(t, "Observation", "")...), lines())

	options.CreatedAfter = time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC)
	wanted = f.lines(t, "Patient", ` WHERE resource->>'gender' = 'female' AND cts > '2025-01-03Z'`)
	require.NotEmpty(t, wanted)
	options.Types = []string{"Patient"}
	requireSame(t, wanted, lines())
}

// A role that can read the tables is sufficient. Without, the error names the GRANT.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	role, url := f.asRole(t)
	from := open(t, source.Config{URL: url})
	options := small(2)
	var out bytes.Buffer
	_, err := dump.ToStream(t.Context(), from, &out, options)
	require.EqualError(t, err, `the role "`+role+`" cannot read all tables of the dump: GRANT SELECT ON "public"."device", "public"."encounter", "public"."observation", "public"."patient" TO "`+role+`"`)
	require.Empty(t, out.String())

	f.exec(t, `GRANT SELECT ON patient, observation, observation_0, observation_1, encounter, device TO `+role)
	result, err := dump.ToStream(t.Context(), from, &out, options)
	require.NoError(t, err)
	require.EqualValues(t, 7085, result.Resources())
}

func TestMissingTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	from := f.open(t, form.Auto)
	options := small(1)
	options.Types = []string{"Patients", "Patient", "Basic"}
	var out bytes.Buffer
	_, err := dump.ToStream(t.Context(), from, &out, options)
	require.ErrorIs(t, err, catalog.ErrNoTable)
	require.ErrorContains(t, err, ": Patients, Basic")

	options.Optional = true
	result, err := dump.ToStream(t.Context(), from, &out, options)
	require.NoError(t, err)
	require.Equal(t, []dump.TypeCount{{"Patient", 4000}}, result.Types)

	options.Types = []string{"Basic"}
	_, err = dump.ToStream(t.Context(), from, &out, options)
	require.ErrorIs(t, err, catalog.ErrNoTable)
}

// The user is warned of values that are not FHIR and of rows of other types.
func TestWarnings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec(t, `CREATE TABLE basic (LIKE patient INCLUDING ALL); CREATE TABLE attribute (id text, resource jsonb);
		INSERT INTO basic (id, txid, resource_type, resource) VALUES ('b1', 1, 'Basic', '{"author": {"id": 5, "resourceType": "Patient"}, "photo": {"_data": {"extension": [{"url": "http://health-samurai.io/fhir/core/data-offloaded-to-external-storage"}]}}}'),
			('b2', 2, 'Patient', '[]')`)
	options := small(1)
	options.Types, options.Format.FHIR = []string{"Basic"}, true
	var warnings []string
	options.Warn = func(text string) { warnings = append(warnings, text) }
	var out bytes.Buffer
	result, err := dump.ToStream(t.Context(), f.open(t, form.Auto), &out, options)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Resources())
	require.Len(t, warnings, 5, warnings)
	require.Contains(t, warnings[0], "first-class extensions are written as they are stored: table attribute cannot be read: it has no column txid")
	warnings = warnings[1:]
	require.Contains(t, warnings[0], "some rows of table basic name other resource types (Patient)")
	require.Contains(t, warnings[1], "Basic: 1 values could not be converted to FHIR and are written as they are stored")
	require.Contains(t, warnings[2], "Basic: 1 rows are not resources and are left out")
	require.Contains(t, warnings[3], "Basic: values stored outside of the database: 1")
}
