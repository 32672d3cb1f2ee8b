package search_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// formMembers are values of the members of a stored reference; empty means absent.
var formMembers = map[string][]string{
	"id":           {"", `null`, `""`, `"p1"`, `"Patient/p1"`, `"Patient/p1/_history/2"`, `"http://other.example.org/Patient/p1"`, `5`},
	"reference":    {"", `null`, `"Patient/p1"`, `"Patient/p1/_history/2"`, `"Patient/p1/_history/"`, `"http://other.example.org/Patient/p1"`, `"#p1"`, `"Device/p1"`, `5`},
	"uri":          {"", `null`, `"Patient/p1"`, `"Patient/p1/_history/2"`, `"Patient?identifier=p1"`, `"urn:uuid:1"`, `5`},
	"localRef":     {"", `null`, `"p1"`},
	"resourceType": {"", `null`, `"Patient"`, `"Device"`, `""`, `5`},
}

// referenceForms are references with every combination of these members, and some with
// other members.
func referenceForms() []string {
	forms := []string{""}
	for _, name := range []string{"id", "reference", "uri", "localRef", "resourceType"} {
		var longer []string
		for _, form := range forms {
			for _, value := range formMembers[name] {
				if value != "" {
					value = fmt.Sprintf(`,%q:%s`, name, value)
				}
				longer = append(longer, form+value)
			}
		}
		forms = longer
	}
	for i, form := range forms {
		forms[i] = "{" + strings.TrimPrefix(form, ",") + "}"
	}
	return append(forms,
		`{"type":"Patient","identifier":{"value":"p1"}}`, `{"resourceType":"Patient","identifier":{"value":"p1"}}`,
		`{"reference":"Patient/p1","display":"P","extension":[{"url":"u","valueString":"x"}]}`, `{"reference":"Patient/p1","type":"Device"}`,
		`{"id":"p1","resourceType":"Patient","type":"Device","display":"P"}`,
		`null`, `[]`, `"Patient/p1"`, `5`,
	)
}

// formsStore has an observation and a Provenance for each form of a reference, and a
// group for each form that a member can have; group and observation have the same id.
func formsStore(t *testing.T, forms []string) (store, *pgx.Conn) {
	t.Helper()

	url := sourcetest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	const columns = `(id text PRIMARY KEY, txid bigint DEFAULT 0, ts timestamptz, cts timestamptz, resource jsonb NOT NULL)`
	_, err = conn.Exec(t.Context(), `CREATE TABLE patient `+columns+`; CREATE TABLE observation `+columns+`; CREATE TABLE provenance `+columns+`; CREATE TABLE "group" `+columns)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `INSERT INTO patient (id, txid, resource) VALUES ('p1', 2, '{}')`)
	require.NoError(t, err)
	for table, document := range map[string]string{"observation": `{"subject": %s}`, "provenance": `{"target": [%s]}`, `"group"`: `{"member": [{"entity": %s}]}`} {
		before, after, _ := strings.Cut(document, "%s")
		_, err = conn.Exec(t.Context(), `INSERT INTO `+table+` (id, resource) SELECT n::text, ($2 || form || $3)::jsonb FROM unnest($1::text[]) WITH ORDINALITY AS f (form, n)`, forms, before, after)
		require.NoError(t, err)
	}
	s := store{tables: map[string]catalog.Table{}}
	s.source, err = source.Open(t.Context(), source.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(s.source.Close)
	for _, resourceType := range []string{"Patient", "Observation", "Provenance", "Group"} {
		s.tables[resourceType], err = s.source.Table(t.Context(), resourceType)
		require.NoError(t, err)
	}
	return s, conn
}

// asFHIR returns the references of an observation's subject in FHIR format.
func asFHIR(t *testing.T, subject string) (references []string) {
	t.Helper()

	line := fhir.NewConverter(fhir.R4(), fhir.Options{}).AppendFHIRType(nil, "Observation", []byte(`{"subject": `+subject+`}`))
	var read struct{ Subject any }
	require.NoError(t, json.Unmarshal(line, &read))
	items, isList := read.Subject.([]any)
	if !isList {
		items = []any{read.Subject}
	}
	for _, item := range items {
		object, _ := item.(map[string]any)
		references = append(references, text(object["reference"]))
	}
	return references
}

// TestFormsOfReferences checks that conditions match exactly the references in FHIR
// format: whatever their stored form, their target is that of the converter's output.
func TestFormsOfReferences(t *testing.T) {
	t.Parallel()

	forms := referenceForms()
	s, conn := formsStore(t, forms)
	is := map[string][]string{}
	for i, form := range forms {
		id := fmt.Sprint(i + 1)
		for _, reference := range asFHIR(t, form) {
			is[reference] = append(is[reference], id)
			if m := toPatient.FindStringSubmatch(reference); m != nil {
				is["p1"] = append(is["p1"], id)
			}
		}
	}
	for _, ids := range is {
		slices.Sort(ids)
	}
	require.Greater(t, len(is["p1"]), 1000)
	check := func(name string, want, got []string) {
		t.Helper()
		for _, id := range difference(got, want) {
			n := 0
			_, err := fmt.Sscanf(id[strings.LastIndexByte(id, ' ')+1:], "%d", &n)
			require.NoError(t, err)
			t.Errorf("%s: %s %s reads as %v", name, id, forms[n-1], asFHIR(t, forms[n-1]))
		}
	}
	compare := func() {
		t.Helper()
		p1 := search.Patients{IDs: []string{"p1"}}
		check("patient", is["p1"], s.ids(t, "Observation", p1.Compartment("Observation")))
		check("any patient", is["p1"], s.ids(t, "Observation", search.Patients{}.Compartment("Observation")))
		about := search.Provenance{Patients: &search.Patients{IDs: []string{"p1"}}, Referred: true}
		check("provenance", is["p1"], s.ids(t, "Provenance", about.Condition()))
		for query, want := range map[string][]string{
			"subject=Patient/p1": is["p1"], "subject:Patient=p1": is["p1"], "patient=p1": is["p1"], "patient=Patient/p1": is["p1"],
			"patient:missing=false": is["p1"], "subject=Device/p1": is["Device/p1"],
			"subject=p1":                                  slices.Sorted(slices.Values(slices.Concat(is["p1"], is["Device/p1"]))),
			"subject=Patient/p1/_history/2":               is["Patient/p1/_history/2"],
			"subject=http://other.example.org/Patient/p1": is["http://other.example.org/Patient/p1"],
			"subject=urn:uuid:1":                          is["urn:uuid:1"],
		} {
			filter, err := search.Parse("Observation", query)
			require.NoError(t, err)
			scan := source.Scan{Table: s.tables["Observation"], Condition: filter.Condition()}
			check(query, want, s.scan(t, scan))
			if scan.Condition.Lookup.IsEmpty() {
				continue
			}
			scan.Pages = catalog.PageRange{Schema: scan.Table.Schema, Name: scan.Table.Name, ByLookup: true}
			check(query+" by lookup", want, s.scan(t, scan))
		}
	}
	compare()
	_, err := conn.Exec(t.Context(), `CREATE INDEX ON observation USING gin (resource jsonb_path_ops); ANALYZE`)
	require.NoError(t, err)
	compare()
}

// TestGroupOfForms checks that the members of a Group are the targets of its references
// in FHIR format, also for groups among the members.
func TestGroupOfForms(t *testing.T) {
	t.Parallel()

	s, conn := formsStore(t, nil)
	var patients, groups, want []string
	for i, form := range referenceForms() {
		id := fmt.Sprintf("p%d", i+10)
		patients = append(patients, strings.ReplaceAll(form, "p1", id))
		groups = append(groups, strings.ReplaceAll(strings.ReplaceAll(form, "p1", id), "Patient", "Group"))
		if slices.ContainsFunc(asFHIR(t, form), toPatient.MatchString) {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	_, err := conn.Exec(t.Context(), `
		INSERT INTO "group" (id, resource) SELECT $1, jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity', form::jsonb))) FROM unnest($2::text[]) AS form`,
		"patients", patients)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `
		INSERT INTO "group" (id, resource) SELECT $1, jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity', form::jsonb))) FROM unnest($2::text[]) AS form`,
		"groups", groups)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `
		INSERT INTO "group" (id, resource) SELECT 'p' || n, jsonb_build_object('member', jsonb_build_array(jsonb_build_object('entity',
			jsonb_build_object('reference', 'Patient/p' || n || '/_history/1')))) FROM generate_series(10, 9 + $1::int) AS n`, len(patients))
	require.NoError(t, err)
	require.Equal(t, want, s.lookup(t, s.group("patients").Patients(0)))
	require.Equal(t, want, s.lookup(t, s.group("groups").Patients(0)))
}

// TestReferencesInOddPlaces checks that a list in an element that does not repeat, and
// the FHIR name of a choice element, are searched as they are converted.
func TestReferencesInOddPlaces(t *testing.T) {
	t.Parallel()

	s, conn := formsStore(t, []string{
		`[{"reference":"Patient/p1"}]`, `[null,{"id":"p1","resourceType":"Patient"}]`, `{"id":"p1/_history/2","resourceType":"Patient"}`,
		`{"uri":null,"resourceType":"Patient/p1","id":"_history/2"}`, `[]`,
	})
	require.Equal(t, []string{"1", "2", "3", "4"}, s.ids(t, "Observation", search.Patients{IDs: []string{"p1"}}.Compartment("Observation")))
	require.Equal(t, []string{"1", "2", "3", "4"}, s.ids(t, "Observation", search.Patients{}.Compartment("Observation")))
	for query, want := range map[string][]string{
		"subject=Patient/p1": {"1", "2", "3", "4"}, "patient=p1": {"1", "2", "3", "4"}, "subject=p1": {"1", "2", "3", "4"},
		"subject=Patient/p1/_history/2": {"3", "4"},
	} {
		require.Equal(t, want, s.search(t, "Observation", query), query)
	}

	_, err := conn.Exec(t.Context(), `CREATE TABLE medicationrequest (LIKE observation INCLUDING ALL);
		INSERT INTO medicationrequest (id, resource) VALUES ('aidbox', '{"medication": {"Reference": {"id": "m", "resourceType": "Medication"}}}'),
			('fhir', '{"medicationReference": {"reference": "Medication/m"}}'), ('other', '{"medicationReference": {"reference": "Medication/n"}}')`)
	require.NoError(t, err)
	s.tables["MedicationRequest"], err = s.source.Table(t.Context(), "MedicationRequest")
	require.NoError(t, err)
	filter, err := search.Parse("MedicationRequest", "medication=Medication/m")
	require.NoError(t, err)
	require.Equal(t, []string{"aidbox", "fhir"}, s.ids(t, "MedicationRequest", filter.Condition()))
}
