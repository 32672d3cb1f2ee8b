package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// TestRefused checks that a query that cannot be executed is rejected with the name of
// the parameter, and whether it is invalid or unsupported.
func TestRefused(t *testing.T) {
	t.Parallel()

	const unsupported, invalid = true, false
	for _, c := range []struct {
		query, parameter, reason string
		unsupported              bool
	}{
		{"gender:text=x", "gender:text", "modifier text", unsupported},
		{"gender:in=http://x", "gender:in", "modifier in", unsupported},
		{"gender:above=x", "gender:above", "modifier above", unsupported},
		{"name:text=x", "name:text", "modifier text", unsupported},
		{"birthdate:not=2020", "birthdate:not", "modifier not", unsupported},
		{"general-practitioner:above=x", "general-practitioner:above", "modifier above", unsupported},
		{"general-practitioner.name=x", "general-practitioner.name", "chained", unsupported},
		{"general-practitioner:Practitioner.name=x", "general-practitioner:Practitioner.name", "chained", unsupported},
		{"_has:Observation:patient:code=x", "_has:Observation:patient:code", "chained", unsupported},
		{"_text=x", "_text", "no generic rule", unsupported},
		{"_content=x", "_content", "no generic rule", unsupported},
		{"phonetic=x", "phonetic", "phonetic", unsupported},
		{"deceased=maybe", "deceased", "must be true or false", invalid},
		{"deceased:text=true", "deceased:text", "modifier text", unsupported},
		{"gender=%FF", "gender", "UTF-8", invalid},
		{"_sort=name", "_sort", "result parameters", invalid},
		{"_include=Patient:link", "_include", "result parameters", invalid},
		{"_elements=name", "_elements", "result parameters", invalid},
		{"colour=red", "colour", "unknown search parameter", invalid},
		{"value-quantity=1", "value-quantity", "unknown search parameter", invalid},
		{"gender:=male", "gender:", "missing modifier", invalid},
		{"gender=", "gender", "empty value", invalid},
		{"gender=male,", "gender", "empty value", invalid},
		{"gender", "gender", "missing value", invalid},
		{"gender=%00", "gender", "UTF-8", invalid},
		{"gender=%ff", "gender", "UTF-8", invalid},
		{"gen%ffder=male", "", "UTF-8", invalid},
		{"gender:missing=maybe", "gender:missing", "must be true or false", invalid},
		{"active=yes", "active", "must be true or false", invalid},
		{"identifier=a|b|c", "identifier", "more than one |", invalid},
		{"identifier=|", "identifier", "neither code nor system", invalid},
		{"identifier:of-type=a|b", "identifier:of-type", "system|code|value", invalid},
		{"birthdate=yesterday", "birthdate", "invalid date", invalid},
		{"birthdate=2020-13", "birthdate", "invalid date", invalid},
		{"birthdate=2021-02-29", "birthdate", "invalid date", invalid},
		{"birthdate=0000", "birthdate", "invalid date", invalid},
		{"birthdate=xx2020", "birthdate", "invalid date", invalid},
		{"birthdate=2020-01-01T25:00:00Z", "birthdate", "invalid date", invalid},
		{"_lastUpdated=now", "_lastUpdated", "invalid date", invalid},
		{"_lastUpdated:not=2020", "_lastUpdated:not", "modifier not", unsupported},
		{"_id=a|b", "_id", "no system", invalid},
		{"_id:exact=a", "_id:exact", "modifier exact", unsupported},
		{"general-practitioner=Practitioner/", "general-practitioner", "Type/id", invalid},
		{"general-practitioner=Practitioner/a/_history/", "general-practitioner", "Type/id", invalid},
		{"general-practitioner=a/_history/1", "general-practitioner", "Type/id", invalid},
		{"general-practitioner=Nobody/a", "general-practitioner", "unknown resource type", invalid},
		{"general-practitioner=#a", "general-practitioner", "Type/id", invalid},
		{"general-practitioner:Practitioner=Organization/a", "general-practitioner:Practitioner", "must refer to", invalid},
		{"name=" + strings.Repeat("a,", 10_000) + "a", "name", "too many values", invalid},
	} {
		_, err := search.Parse("Patient", c.query)
		var e *search.Error
		require.ErrorAs(t, err, &e, c.query)
		require.Equal(t, c.parameter, e.Parameter, c.query)
		require.Contains(t, e.Reason, c.reason, c.query)
		require.Equal(t, c.unsupported, e.Unsupported, c.query)
	}
	_, err := search.Parse("CodeSystem", "code=http://example.org|a")
	require.ErrorContains(t, err, "no code system", "no value set says it")
	for _, query := range []string{"code-value-quantity=1", "code-value-quantity=1$2$3", "code-value-quantity=a$b", "code-value-quantity=$1",
		"code-value-quantity:missing=true", "value-quantity=a", "value-quantity=1|2", "value-quantity:exact=1"} {
		_, err := search.Parse("Observation", query)
		require.Error(t, err, query)
	}
}

// samples are valid values for each type of parameter.
var samples = map[string]string{
	"token": "true", "reference": "a", "string": "a", "uri": "http://a", "date": "2020", "number": "1", "quantity": "1",
}

// TestSupported checks that Parse accepts exactly the parameters that are listed, and
// PostgreSQL the SQL for each.
func TestSupported(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t, `{"resourceType":"Basic","id":"a"}`)
	total := 0
	for _, resourceType := range fhir.R4().ResourceTypes() {
		listed := search.Supported(resourceType)
		total += len(listed)
		require.True(t, slices.IsSortedFunc(listed, func(a, b params.Parameter) int { return strings.Compare(a.Name, b.Name) }))
		for _, p := range listed {
			require.True(t, strings.HasPrefix(p.Definition, "http://hl7.org/fhir/SearchParameter/"))
			filter, err := search.Parse(resourceType, p.Name+"="+sampleOf(resourceType, p))
			require.NoError(t, err, "%s.%s", resourceType, p.Name)
			s.ids(t, "Basic", filter.Condition())
		}
		for _, p := range params.R4().Parameters(resourceType) {
			if slices.ContainsFunc(listed, func(l params.Parameter) bool { return l.Name == p.Name }) {
				continue
			}
			_, err := search.Parse(resourceType, p.Name+"=a")
			var e *search.Error
			require.ErrorAs(t, err, &e, p.Definition)
			require.True(t, e.Unsupported, p.Definition)
			require.NotRegexp(t, `[%$\[\]"()]|plain path`, e.Reason, "in words that a client understands")
		}
	}
	require.Equal(t, 2561, total, "docs/search.md says how many")
	require.Len(t, search.Supported("Custom"), 6, "those of every resource")
}

func sampleOf(resourceType string, p params.Parameter) string {
	if p.Type != "composite" {
		return samples[p.Type]
	}
	definition, _ := params.R4().Parameter(resourceType, p.Name)
	var values []string
	for _, part := range definition.Elements[0].Components {
		if part.Number == len(values) {
			values = append(values, samples[part.Type])
		}
	}
	return strings.Join(values, "$")
}

// hostile are values that would cause damage as part of a statement.
var hostile = []string{
	`'`, `''`, `' OR '1'='1`, `'; DROP TABLE patient; --`, `") || true || ("`, `"`, `\`, `\'`, `$1`, `$$`, `$id`, `%s`, `%l`, `E'\x27'`,
	`{"a":1}`, `}`, `"}]}`, "\u2028", "\r\n", `?`, `@`, `* / --`, `) UNION SELECT`, `1); SELECT pg_sleep(9)`, `]`, `[*]`, `{}`, `{a,b}`, `{rows}`, `{root}`, `NULL`,
}

// TestHostileValues uses them in every part of a request: nothing is found and nothing
// fails.
func TestHostileValues(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t, append(slices.Clone(observations), patients...)...)
	ran, refused := 0, 0
	try := func(resourceType, name, value string) {
		filter, err := search.Parse(resourceType, escapeQuery(name)+"="+escapeQuery(value))
		var e *search.Error
		if err != nil {
			require.ErrorAs(t, err, &e, "%s=%s", name, value)
			refused++
			return
		}
		sql, _ := filter.Condition().Where.Statement()
		if len(value) > 3 && value != "NULL" { // which our own SQL has
			require.NotContains(t, sql, value)
		}
		got := s.ids(t, resourceType, filter.Condition())
		if !strings.Contains(name, ":not") && strings.ContainsAny(value, `'"{`) {
			require.Empty(t, got, "%s=%s", name, value)
		}
		ran++
	}
	for _, value := range hostile {
		for _, resourceType := range []string{"Patient", "Observation"} {
			for _, p := range search.Supported(resourceType) {
				for _, modifier := range []string{"", ":not", ":exact", ":contains", ":below", ":above", ":identifier", ":of-type", ":Patient", ":missing"} {
					try(resourceType, p.Name+modifier, value)
				}
				for _, form := range []string{"a|%s", "%s|a", "1||%s", "1|%s|a", "Patient/%s", "http://x/%s", "a$1|%s|b", "%s$1"} {
					try(resourceType, p.Name, strings.Replace(form, "%s", value, 1))
				}
			}
			try(resourceType, value, "x")
			try(resourceType, "code:"+value, "x")
		}
		require.Empty(t, s.ids(t, "Observation", search.Patients{IDs: []string{value}}.Compartment("Observation")))
		require.Empty(t, s.ids(t, "Observation", search.Patients{IDs: slices.Repeat([]string{value}, 100)}.Compartment("Observation")))
		require.Equal(t, []string{value}, s.lookup(t, search.Unknown(s.tables["Patient"].Quoted(), []string{value})))
	}
	t.Logf("%d ran, %d were refused", ran, refused)
	require.Len(t, s.search(t, "Patient", ""), 4, "nothing is gone")
}

func escapeQuery(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, "%%%02X", b)
	}
	return out.String()
}
