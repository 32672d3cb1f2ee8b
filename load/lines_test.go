package load_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

// TestBadLines loads each line as the third of a file, after a blank line and a valid
// one.
func TestBadLines(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	long := strings.Repeat("x", 56)

	for name, test := range map[string]struct{ line, reason string }{
		"NoJSON":          {`hello`, "not a JSON object"},
		"Array":           {`[{"resourceType":"Patient","id":"x"}]`, "not a JSON object"},
		"Open":            {`{"resourceType":"Patient","id":"x"`, "invalid JSON"},
		"OpenString":      {`{"resourceType":"Patient","id":"x`, "invalid JSON"},
		"Two":             {`{"resourceType":"Patient","id":"x"}{}`, "invalid JSON"},
		"Comma":           {`{"resourceType":"Patient",,"id":"x"}`, "invalid JSON"},
		"LastComma":       {`{"resourceType":"Patient","id":"x",}`, "invalid JSON"},
		"NoValue":         {`{"resourceType":"Patient","id":"x","active":}`, "invalid JSON"},
		"BadWord":         {`{"resourceType":"Patient","id":"x","active":yes}`, `invalid input syntax for type json: Token "yes" is invalid.`},
		"BadNesting":      {`{"resourceType":"Patient","id":"x","a":[{]}}`, "invalid input syntax for type json"},
		"BadStripped":     {`{"resourceType":"Patient","id":"x","meta":{"versionId":one}}`, "invalid JSON"},
		"Zero":            {`{"resourceType":"Patient","id":"x","a":"\u0000"}`, `\u0000 cannot be converted to text`},
		"NotUTF8":         {`{"resourceType":"Patient","id":"x","a":"` + "\xff" + `"}`, "invalid byte sequence"},
		"HugeNumber":      {`{"resourceType":"Patient","id":"x","a":1e999999}`, "overflow"},
		"NoType":          {`{"id":"x"}`, "resourceType is missing"},
		"NumberType":      {`{"resourceType":1,"id":"x"}`, "resourceType is missing or not a string"},
		"BadType":         {`{"resourceType":"patient; drop","id":"x"}`, `invalid resourceType "patient; drop"`},
		"LongType":        {`{"resourceType":"X` + long + `","id":"x"}`, "must be at most 55 letters"},
		"MisspeltType":    {`{"resourceType":"PATIENT","id":"x"}`, `invalid resourceType "PATIENT": did you mean "Patient"?`},
		"NoID":            {`{"resourceType":"Patient"}`, "Patient: id is missing"},
		"NumberID":        {`{"resourceType":"Patient","id":7}`, "Patient: id is missing or not a string"},
		"BadID":           {`{"resourceType":"Patient","id":"a b"}`, `invalid id "a b": must be 1 to 255 letters`},
		"EmptyID":         {`{"resourceType":"Patient","id":""}`, "Patient: invalid id"},
		"LongID":          {`{"resourceType":"Patient","id":"` + strings.Repeat(long, 5) + `"}`, "Patient: invalid id"},
		"DuplicateID":     {alice, `duplicate Patient/pt-1 in this file`},
		"BadTime":         {`{"resourceType":"Patient","id":"x","meta":{"lastUpdated":"2024"}}`, `invalid meta.lastUpdated "2024": must be an instant`},
		"IDTwice":         {`{"resourceType":"Patient","id":"x","\u0069d":"y"}`, "repeated element: id"},
		"MetaTwice":       {`{"resourceType":"Patient","id":"x","meta":{"tag":[]},"meta":{"versionId":1}}`, "repeated element: meta"},
		"EscapedKeysSame": {`{"resourceType":"Patient","\u0069d":"pt-1"}`, `duplicate Patient/pt-1 in this file`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeLines(t, "patients.ndjson", "", alice, test.line, bob)

			_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{Format: load.Aidbox, KeepTimes: true})

			var lineErr *load.LineError
			require.ErrorAs(t, err, &lineErr)
			require.Equal(t, path, lineErr.File)
			require.EqualValues(t, 3, lineErr.Line)
			require.ErrorContains(t, err, path+":3: ")
			require.ErrorContains(t, err, test.reason)
			require.Equal(t, "true", db.text(t, `SELECT (to_regclass('patient') IS NULL)::text`), "nothing is kept")
		})
	}
}

func TestABadLineInFHIRFormat(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	for line, reason := range map[string]string{
		`[{"resourceType":"Patient","id":"x"}]`:                                       "not a JSON object",
		`{"resourceType":"Patient","id":"x","a":}`:                                    "invalid JSON at byte 40: ",
		`{"resourceType":"Patient","id":"x","a":"\u0000"}`:                            `\u0000 cannot be converted to text`,
		`{"resourceType":"Patient","id":"x","a":"\ud800"}`:                            "invalid input syntax for type json",
		`{"resourceType":"Patient","id":"x","a":"` + "\xff" + `"}`:                    "invalid byte sequence",
		`{"resourceType":"Patient","id":"x","meta":{"versionId":"\ud83d\u0041","a":}`: "invalid JSON at byte ",
	} {
		path := writeLines(t, "patients.ndjson", alice, line, bob)
		_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{})

		require.ErrorContains(t, err, path+":2: ")
		require.ErrorContains(t, err, reason)
	}
}

func TestABadFileSparesTheOthers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.loadLines(t, patient("pt-1", "Old"))

	good := writeLines(t, "a.ndjson", group)
	bad := writeLines(t, "b.ndjson", patient("new", "New"), alice, "oops")
	summary, err := load.Files(t.Context(), db.url, []string{good, bad, good}, load.Options{})

	require.ErrorContains(t, err, bad+":3: ")
	require.Equal(t, load.Summary{
		Files: 1, Resources: 1, Types: []load.TypeCount{{Type: "Group", Resources: 1}},
	}, summary)
	require.Equal(t, []string{"pt-1 1 created Old*"}, db.rows(t, versionsSQL))
}

func TestATruncatedGzipFile(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	content := gzipped(t, alice+"\n"+bob+"\n")
	path := writeFile(t, "a.ndjson.gz", content[:len(content)-10])
	_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{})

	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "unexpected EOF")
	require.Equal(t, "true", db.text(t, `SELECT (to_regclass('patient') IS NULL)::text`))
}

// TestADuplicateFarAway: duplicates are detected across many batches, both in a table
// that was empty and in one that was not.
func TestADuplicateFarAway(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	lines := []string{bob}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		lines = append(lines, patient("p-"+string(c), strings.Repeat("x", 100)))
	}
	lines = append(lines, bob)
	path := writeLines(t, "patients.ndjson", lines...)

	for range 2 {
		_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{BatchBytes: 500})
		var lineErr *load.LineError
		require.ErrorAs(t, err, &lineErr)
		require.EqualValues(t, 28, lineErr.Line)
		require.ErrorContains(t, err, `duplicate Patient/pt-2 in this file`)

		db.loadLines(t, alice)
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	long := patient("long", strings.Repeat("é", 3<<20))
	path := writeLines(t, "a.ndjson", alice, long, bob)
	db.load(t, load.Options{MaxLine: len(long) + 1}, path)
	require.Equal(t, []string{"long", "pt-1", "pt-2"}, db.rows(t, patientIDs))
	require.Equal(t, "3145728", db.text(t, `SELECT length(resource #>> '{name,0,given,0}')::text FROM patient WHERE id = 'long'`))

	_, err := load.Files(t.Context(), db.url, []string{path}, load.Options{MaxLine: len(long)})
	var lineErr *load.LineError
	require.ErrorAs(t, err, &lineErr)
	require.EqualValues(t, 2, lineErr.Line)
	require.ErrorContains(t, err, "line too long: the maximum is")
}
