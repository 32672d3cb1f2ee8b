package search_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/sqltext"
)

var noon = time.Date(2024, 6, 15, 12, 0, 0, 0, time.UTC)

func (s store) group(id string) search.Group {
	return search.Group{ID: id, Table: s.tables["Group"].Quoted(), At: noon}
}

// members are the patients of a group.
func members(group search.Group) search.Patients { return search.Patients{Group: &group} }

func TestGroup(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t,
		`{"resourceType":"Group","id":"all","member":[
			{"entity":{"reference":"Patient/plain"}}, {"entity":{"reference":"Patient/plain"},"inactive":false},
			{"entity":{"reference":"Patient/inactive"},"inactive":true},
			{"entity":{"reference":"Patient/over"},"period":{"end":"2024-06-15T11:59:59Z"}},
			{"entity":{"reference":"Patient/over-by-day"},"period":{"start":"2020","end":"2024-06-14"}},
			{"entity":{"reference":"Patient/not-yet"},"period":{"start":"2024-06-15T14:00:01+02:00"}},
			{"entity":{"reference":"Patient/today"},"period":{"end":"2024-06-15"}},
			{"entity":{"reference":"Patient/this-year"},"period":{"start":"2024","end":"2024"}},
			{"entity":{"reference":"Patient/just-begun"},"period":{"start":"2024-06-15T12:00:00Z"}},
			{"entity":{"reference":"Patient/just-over"},"period":{"end":"2024-06-15T11:59:59.9999999Z"}},
			{"entity":{"reference":"Patient/leap"},"period":{"start":"2024-06-15T12:00:60Z"}},
			{"entity":{"reference":"Patient/no-date"},"period":{"start":"soon","end":"2024-02-31"}},
			{"entity":{"reference":"Patient/empty-period"},"period":{}},
			{"entity":{"reference":"Practitioner/p"}}, {"entity":{"display":"nobody"}}, {},
			{"entity":{"reference":"https://example.org/fhir/Patient/elsewhere"}}]}`,
		`{"resourceType":"Group","id":"outer","member":[{"entity":{"reference":"Group/inner"}}, {"entity":{"reference":"Group/gone"}},{"entity":{"reference":"Group/closed"},"inactive":true}, {"entity":{"reference":"Patient/outer"}}]}`,
		`{"resourceType":"Group","id":"inner","member":[{"entity":{"reference":"Group/outer"}}, {"entity":{"reference":"Group/inner"}},{"entity":{"reference":"Patient/inner"}}, {"entity":{"reference":"Patient/outer"}}]}`,
		`{"resourceType":"Group","id":"closed","member":[{"entity":{"reference":"Patient/closed"}}]}`,
		`{"resourceType":"Group","id":"nobody"}`,
		`{"resourceType":"Group","id":"odd","member":"all"}`,
		`{"resourceType":"Patient","id":"outer"}`, `{"resourceType":"Patient","id":"inner"}`, `{"resourceType":"Patient","id":"closed"}`,
		`{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/outer"},"performer":[{"reference":"Patient/inner"}]}`,
		`{"resourceType":"Observation","id":"c","subject":{"reference":"Patient/closed"}}`,
		`{"resourceType":"Organization","id":"inner"}`,
	)
	require.Equal(t, []string{"empty-period", "just-begun", "no-date", "plain", "this-year", "today"}, s.lookup(t, s.group("all").Patients(100)))
	require.Equal(t, []string{"inner", "outer"}, s.lookup(t, s.group("outer").Patients(100)))
	require.Equal(t, []string{"inner", "outer"}, s.lookup(t, s.group("inner").Patients(100)))
	for _, id := range []string{"nobody", "odd", "gone", "' OR true --"} {
		require.Empty(t, s.lookup(t, s.group(id).Patients(100)), id)
	}

	require.Equal(t, []string{"o"}, s.ids(t, "Observation", members(s.group("outer")).Compartment("Observation")))
	require.Equal(t, []string{"inner", "outer"}, s.ids(t, "Patient", members(s.group("outer")).Compartment("Patient")))
	require.Equal(t, []string{"closed"}, s.ids(t, "Patient", members(s.group("closed")).Compartment("Patient")))
	require.Empty(t, s.ids(t, "Organization", members(s.group("outer")).Compartment("Organization")))
	require.Empty(t, s.ids(t, "Observation", members(s.group("nobody")).Compartment("Observation")))

	require.Equal(t, []string{"closed", "x"}, s.lookup(t, s.group("outer").NotMembers([]string{"x", "inner", "closed"})))
	require.Equal(t, []string{"x"}, s.lookup(t, search.Unknown(s.tables["Patient"].Quoted(), []string{"x", "inner", "closed"})))
	require.Empty(t, s.lookup(t, search.Unknown(s.tables["Patient"].Quoted(), nil)))

	filter, err := search.Parse("Observation", "performer=inner")
	require.NoError(t, err)
	group := members(s.group("outer")).Compartment("Observation")
	require.Equal(t, []string{"o"}, s.ids(t, "Observation", search.All(group, filter.Condition())))
	require.Equal(t, []string{"o"}, s.ids(t, "Observation", search.All(filter.Condition(), group)))
	filter, err = search.Parse("Observation", "performer:missing=true")
	require.NoError(t, err)
	require.Empty(t, s.ids(t, "Observation", search.All(group, filter.Condition())))
}

// Another Group may have a million members.
func TestGroupAlone(t *testing.T) {
	t.Parallel()

	members := strings.Repeat(`{"entity":{"reference":"Patient/other"}},`, 1000)
	s := newStoreOf(t,
		`{"resourceType":"Group","id":"small","member":[{"entity":{"reference":"Patient/p"}}]}`,
		`{"resourceType":"Group","id":"large","member":[`+strings.TrimSuffix(members, ",")+`]}`,
	)
	plan := strings.Join(s.lookup(t, sqltext.Concat(sqltext.Text("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "), s.group("small").Patients(100))), "\n")
	require.Contains(t, plan, "rows=1 ")
	require.NotRegexp(t, `rows=[0-9]{3,}`, plan, "the members of another Group are read")
}
