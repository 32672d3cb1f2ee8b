package search_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// trailsOf writes a file of Provenance for the resources in other files: for most of
// them, for some twice, for some versions, and for missing ones.
func trailsOf(t *testing.T, files []string) string {
	t.Helper()

	name := filepath.Join(t.TempDir(), "trails.ndjson")
	out, err := os.Create(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, out.Close()) }()
	count := 0
	write := func(references ...string) {
		count++
		var targets []any
		for _, r := range references {
			targets = append(targets, map[string]any{"reference": r})
		}
		recorded := time.Date(2020, 1, 1, 0, 0, count*7919%10_000, 0, time.UTC).In(time.FixedZone("", count%5*3600))
		require.NoError(t, json.NewEncoder(out).Encode(map[string]any{
			"resourceType": "Provenance", "id": fmt.Sprintf("trail-%d", count),
			"recorded": recorded.Format(time.RFC3339), "target": targets,
		}))
	}
	last := "Patient/nobody"
	for _, file := range files {
		for i, d := range readDocuments(t, file) {
			reference := text(d["resourceType"]) + "/" + text(d["id"])
			switch i % 7 {
			case 0:
				write(reference)
				write(reference, last)
			case 1:
				write(reference + "/_history/3")
			case 2:
				write("https://example.org/fhir/"+reference, "#"+text(d["id"]), reference+"/_history", "Nonsense/x", "x")
			case 3, 4:
				write(last, reference)
			case 5:
				write(fmt.Sprintf("Patient/%s", text(d["id"])))
			}
			last = reference
		}
	}
	write("Observation/nothing")
	return name
}

// toResource is a reference to a resource, or to a version of one.
var toResource = regexp.MustCompile(`^([A-Z][A-Za-z]*)/([^/?# \\]+)(/_history/[^/]+)?$`)

// targetsOf returns the targets of a Provenance, as Type/id.
func targetsOf(d document) []string {
	var targets []string
	for _, value := range each(d, "target") {
		object, _ := value.(map[string]any)
		if m := toResource.FindStringSubmatch(text(object["reference"])); m != nil {
			targets = append(targets, m[1]+"/"+m[2])
		}
	}
	return targets
}

// about returns the ids of the Provenance with a target for which ok returns true.
func (s store) about(ok func(target string) bool) []string {
	return s.matching("Provenance", func(d document) bool { return slices.ContainsFunc(targetsOf(d), ok) })
}

// latest returns the ids of the Provenance that was recorded last for such a target.
func (s store) latest(ok func(target string) bool) []string {
	type trail struct {
		id string
		at time.Time
	}
	last := map[string]trail{}
	for _, d := range s.documents["Provenance"] {
		at, _ := time.Parse(time.RFC3339, text(d["recorded"]))
		for _, target := range targetsOf(d) {
			if one, found := last[target]; ok(target) && (!found || at.After(one.at)) {
				last[target] = trail{text(d["id"]), at}
			}
		}
	}
	ids := []string{}
	for _, one := range last {
		ids = append(ids, one.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// checkProvenance compares the Provenance of resources in compartments, and of
// resources of some types, with the oracle.
func checkProvenance(t *testing.T, s store) {
	t.Helper()

	there := map[string]document{}
	var inCompartments, half []search.Target
	for resourceType, table := range s.tables {
		target := search.Target{Type: resourceType, Table: table.Quoted()}
		if search.InCompartment(resourceType) {
			inCompartments = append(inCompartments, target)
		}
		if resourceType < "M" {
			half = append(half, target)
		}
		for _, d := range s.documents[resourceType] {
			there[resourceType+"/"+text(d["id"])] = d
		}
	}
	patients := s.matching("Patient", func(document) bool { return true })
	many := slices.Clone(patients[:len(patients)/2])
	for n := range 1200 {
		many = append(many, fmt.Sprintf("nobody-%d", n))
	}
	for name, whose := range map[string]search.Patients{
		"any": {}, "one": {IDs: patients[:1]}, "few": {IDs: patients[:min(9, len(patients))]}, "many": {IDs: many}, "none": {IDs: []string{}},
	} {
		isOne := func(id string) bool { return whose.IDs == nil || slices.Contains(whose.IDs, id) }
		isTheirs := func(target string) bool {
			return slices.ContainsFunc(patientsOf(there[target]), isOne)
		}
		refersToOne := func(target string) bool {
			m := toResource.FindStringSubmatch(target)
			return isTheirs(target) || m[1] == "Patient" && isOne(m[2])
		}
		isOfHalf := func(target string) bool { return target < "M" && isTheirs(target) }

		got := s.ids(t, "Provenance", search.Provenance{Patients: &whose, Targets: inCompartments, Referred: true}.Condition())
		require.Equal(t, s.about(refersToOne), got, name)
		t.Logf("%s: %d of %d", name, len(got), len(s.documents["Provenance"]))
		require.Equal(t, s.about(isOfHalf), s.ids(t, "Provenance", search.Provenance{Patients: &whose, Targets: half}.Condition()), name)
		require.Equal(t, s.latest(isOfHalf), s.ids(t, "Provenance", search.Provenance{
			Patients: &whose, Targets: half, Latest: s.tables["Provenance"].Quoted(),
		}.Condition()), name)
	}
	isThere := func(target string) bool { return there[target] != nil && target < "M" }
	require.Equal(t, s.about(isThere), s.ids(t, "Provenance", search.Provenance{Targets: half}.Condition()))
	require.Empty(t, s.ids(t, "Provenance", search.Provenance{}.Condition()))
}

func TestProvenanceOfExamples(t *testing.T) {
	t.Parallel()

	files := published(t, "r4-examples")
	checkProvenance(t, newStore(t, append(files, trailsOf(t, files))...))
}

func TestProvenanceOfSyntheticPatients(t *testing.T) {
	t.Parallel()

	files := published(t, "synthea-bds")
	checkProvenance(t, newStore(t, append(files, trailsOf(t, files))...))
}

// Only targets that meet a condition and were changed in a period are selected.
func TestProvenanceOfSome(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t,
		`{"resourceType":"Observation","id":"old","status":"final","meta":{"lastUpdated":"2020-01-01T00:00:00Z"}}`,
		`{"resourceType":"Observation","id":"new","status":"final","meta":{"lastUpdated":"2024-01-01T00:00:00Z"}}`,
		`{"resourceType":"Observation","id":"draft","status":"preliminary","meta":{"lastUpdated":"2024-01-01T00:00:00Z"}}`,
		`{"resourceType":"Provenance","id":"p-old","target":[{"reference":"Observation/old"}]}`,
		`{"resourceType":"Provenance","id":"p-new","target":[{"reference":"Observation/draft"},{"reference":"Observation/new"}]}`,
		`{"resourceType":"Provenance","id":"p-draft","target":[{"reference":"Observation/draft"}]}`,
	)
	final, err := search.Parse("Observation", "status=final")
	require.NoError(t, err)
	of := func(conditions ...sqltext.Condition) []string {
		return s.ids(t, "Provenance", search.Provenance{Targets: []search.Target{{
			Type: "Observation", Table: s.tables["Observation"].Quoted(), Only: search.All(conditions...),
		}}}.Condition())
	}
	at := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []string{"p-draft", "p-new", "p-old"}, of())
	require.Equal(t, []string{"p-new", "p-old"}, of(final.Condition()))
	require.Equal(t, []string{"p-new"}, of(final.Condition(), search.Changed(at, time.Time{})))
	require.Equal(t, []string{"p-old"}, of(search.Changed(time.Time{}, at)))
	require.Equal(t, []string{"p-draft", "p-new"}, of(search.Changed(at, at.AddDate(9, 0, 0))))
}
