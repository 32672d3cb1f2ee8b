package sql_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/api/endpoint"
)

const (
	canonical      = `{"name":"subjectCanonical","valueCanonical":"https://example.org/pt|1"}`
	otherCanonical = `{"name":"subjectCanonical","valueCanonical":"https://example.org/pt|2"}`
	library        = `{"name":"subjectResource","resource":{"resourceType":"Library","status":"active"}}`
	badPath        = `{"name":"subjectResource","resource":{"resourceType":"ViewDefinition","resource":"Patient","select":[{"column":[{"name":"a","path":"@@"}]}]}}`
	context        = `{"name":"context","resource":{"resourceType":"Library"}}`
	bindings       = `{"name":"parameters","resource":{"resourceType":"Parameters"}}`
	inlineData     = `{"name":"resource","resource":{"resourceType":"Patient"}}`
)

// refusal is a request and what is wrong with it: a code and an expression for each issue.
type refusal struct {
	parameters []string
	status     int
	issues     []string
}

// TestRunRefusals: the errors of $sql-run (SQL on FHIR, "Common Operation Behavior").
func TestRunRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	param := func(name, value string) string { return `{"name":"` + name + `",` + value + `}` }
	for name, c := range map[string]refusal{
		"no subject":             {nil, 400, []string{"required subject"}},
		"two forms":              {[]string{reference("pt"), canonical}, 400, []string{"invalid subject"}},
		"three forms":            {[]string{reference("pt"), canonical, inline(patientView)}, 400, []string{"invalid subject"}},
		"repeated":               {[]string{reference("pt"), reference("obs")}, 400, []string{"invalid subjectReference"}},
		"repeated resource":      {[]string{inline(patientView), inline(patientView)}, 400, []string{"invalid subjectResource"}},
		"subject of an export":   {[]string{subject(reference("pt"))}, 400, []string{"invalid subject"}},
		"parameters":             {[]string{reference("pt"), bindings}, 400, []string{"invalid parameters"}},
		"context":                {[]string{reference("pt"), context, context}, 400, []string{"invalid context"}},
		"resource":               {[]string{reference("pt"), inlineData}, 400, []string{"not-supported resource"}},
		"source":                 {[]string{reference("pt"), param("source", `"valueString":"x"`)}, 400, []string{"not-supported source"}},
		"tracking id":            {[]string{reference("pt"), param("clientTrackingId", `"valueString":"x"`)}, 400, []string{"invalid clientTrackingId"}},
		"unknown format":         {[]string{reference("pt"), param("_format", `"valueCode":"xml"`)}, 400, []string{"not-supported _format"}},
		"format fhir":            {[]string{reference("pt"), param("_format", `"valueCode":"fhir"`)}, 400, []string{"not-supported _format"}},
		"limit":                  {[]string{reference("pt"), param("_limit", `"valueInteger":-1`)}, 400, []string{"invalid _limit"}},
		"limit is no number":     {[]string{reference("pt"), param("_limit", `"valueString":"many"`)}, 400, []string{"invalid _limit"}},
		"header":                 {[]string{reference("pt"), param("header", `"valueString":"no"`)}, 400, []string{"invalid header"}},
		"since":                  {[]string{reference("pt"), param("_since", `"valueInstant":"yesterday"`)}, 400, []string{"invalid _since"}},
		"no value":               {[]string{reference("pt"), param("_limit", `"x":1`)}, 400, []string{"invalid _limit"}},
		"patient of another":     {[]string{reference("pt"), param("patient", `"valueReference":{"reference":"https://elsewhere/Patient/1"}`)}, 400, []string{"invalid patient"}},
		"unknown patient":        {[]string{reference("pt"), param("patient", `"valueReference":{"reference":"Patient/nobody"}`)}, 400, []string{"not-found patient"}},
		"unknown group":          {[]string{reference("pt"), param("group", `"valueReference":{"reference":"Group/none"}`)}, 400, []string{"not-found group"}},
		"two groups":             {[]string{reference("pt"), param("group", `"valueString":"ward"`), param("group", `"valueString":"none"`)}, 400, []string{"not-supported group"}},
		"not in the compartment": {[]string{reference("doctors"), param("patient", `"valueString":"Patient/pt-1"`)}, 400, []string{"invalid subject"}},
		"no table":               {[]string{inline(definition("v", "Slot"))}, 400, []string{"not-found subject"}},
		"unknown view":           {[]string{reference("none")}, 404, []string{"not-found subjectReference"}},
		"unknown canonical":      {[]string{otherCanonical}, 404, []string{"not-found subjectCanonical"}},
		"view of another server": {[]string{`{"name":"subjectReference","valueReference":{"reference":"https://elsewhere/ViewDefinition/pt"}}`}, 404, []string{"not-found subjectReference"}},
		"view by UUID":           {[]string{`{"name":"subjectReference","valueReference":{"reference":"urn:uuid:1"}}`}, 404, []string{"not-found subjectReference"}},
		"another type":           {[]string{`{"name":"subjectReference","valueReference":{"reference":"Library/x"}}`}, 404, []string{"not-found subjectReference"}},
		"a Library":              {[]string{library}, 422, []string{"invalid subjectResource"}},
		"bad FHIRPath":           {[]string{badPath}, 422, []string{"invalid subjectResource"}},
		"no resource":            {[]string{`{"name":"subjectResource","valueString":"x"}`}, 400, []string{"invalid subjectResource"}},
		"404 wins":               {[]string{reference("none"), param("_format", `"valueCode":"xml"`), param("_limit", `"valueInteger":-1`)}, 404, []string{"not-found subjectReference", "not-supported _format", "invalid _limit"}},
		"400 before 422":         {[]string{badPath, context}, 400, []string{"invalid context", "invalid subjectResource"}},
	} {
		got := b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(c.parameters...))
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.Text)
		require.Subset(t, issues(t, got), c.issues, "%s: %s", name, got.Text)
		if c.status != http.StatusUnprocessableEntity {
			require.Len(t, issues(t, got), len(c.issues), "%s: %s", name, got.Text)
		}
	}

	for query, want := range map[string][]string{
		"subjectResource={}":                                 {"invalid subjectResource", "required subject"},
		"subjectReference=ViewDefinition/pt&context={}":      {"invalid context"},
		"subjectReference=ViewDefinition/pt&resource={}":     {"not-supported resource"},
		"subjectReference=ViewDefinition/pt&parameters={}":   {"invalid parameters"},
		"subjectReference=ViewDefinition/pt&_unknown=1":      {"invalid _unknown"},
		"viewReference=ViewDefinition/pt":                    {"invalid viewReference", "required subject"},
		"subjectReference=ViewDefinition/pt&_limit=1&_limit": {"invalid _limit"},
	} {
		got := b.Get(t, runPath+"?"+query)
		require.Equal(t, http.StatusBadRequest, got.StatusCode, "%s: %s", query, got.Text)
		require.ElementsMatch(t, want, issues(t, got), query)
	}
	for _, body := range []string{`{"resourceType":"Patient"}`, `[]`, `x`, patientView} {
		apitest.RequireRefusal(t, b.Post(t, runPath, apitest.TypeFHIR, body), http.StatusBadRequest, "invalid", "")
	}
}

// TestUnlistedProblems: problems that are too many to be listed determine the status, too.
func TestUnlistedProblems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	unknown := ""
	for i := range endpoint.MaxWarnings {
		unknown += fmt.Sprintf("&_unknown%d=1", i)
	}
	got := b.Get(t, runPath+"?subjectReference=ViewDefinition/none"+unknown)
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Len(t, issues(t, got), endpoint.MaxWarnings)
	require.NotContains(t, issues(t, got), "not-found subjectReference")
}

// TestExportRefusals: the errors of $sql-export are all reported at its kick-off.
func TestExportRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	pt := subject(reference("pt"))
	many := strings.Split(strings.TrimSuffix(strings.Repeat(pt+"\n", 101), "\n"), "\n")
	for name, c := range map[string]refusal{
		"no subject":             {[]string{`{"name":"_format","valueCode":"csv"}`}, 400, []string{"required subject"}},
		"two forms":              {[]string{pt, subject(named("a"), reference("pt"), canonical)}, 400, []string{"invalid subject[1]"}},
		"no form":                {[]string{subject(named("a"))}, 400, []string{"invalid subject[0]"}},
		"equal names":            {[]string{subject(named("demographics"), reference("pt")), subject(named("demographics"), reference("obs"))}, 400, []string{"invalid subject"}},
		"equal views":            {[]string{pt, pt}, 400, []string{"invalid subject"}},
		"equal names of files":   {[]string{subject(named("a_b"), reference("pt")), subject(named("a b"), reference("obs"))}, 400, []string{"invalid subject"}},
		"names in capitals":      {[]string{subject(named("bp"), reference("pt")), subject(named("BP"), reference("obs"))}, 400, []string{"invalid subject"}},
		"unnamed part":           {[]string{subject(reference("pt"), `{"valueString":"y"}`)}, 400, []string{"invalid subject[0]"}},
		"long name of a view":    {[]string{subject(inline(definition(strings.Repeat("v", 201), "Patient")))}, 400, []string{"invalid subject"}},
		"text that is no text":   {[]string{subject(inline(strings.Replace(patientView, `"name"`, `"title":"\u0000","name"`, 1)))}, 422, []string{"invalid subject[0].subjectResource"}},
		"empty name":             {[]string{subject(named(""), reference("pt"))}, 400, []string{"invalid subject[0].name"}},
		"repeated part":          {[]string{subject(reference("pt"), reference("obs"))}, 400, []string{"invalid subject[0].subjectReference"}},
		"unknown part":           {[]string{subject(reference("pt"), `{"name":"x","valueString":"y"}`)}, 400, []string{"invalid subject[0].x"}},
		"bindings, unknown view": {[]string{subject(reference("none"), bindings, named(""))}, 404, []string{"not-found subject[0].subjectReference", "invalid subject[0].parameters", "invalid subject[0].name"}},
		"no value":               {[]string{subject(`{"name":"subjectReference"}`)}, 400, []string{"invalid subject[0].subjectReference"}},
		"bindings of a subject":  {[]string{subject(reference("pt"), bindings)}, 400, []string{"invalid subject[0].parameters"}},
		"subject outside":        {[]string{pt, inline(patientView)}, 400, []string{"invalid subjectResource"}},
		"parameters":             {[]string{pt, bindings}, 400, []string{"invalid parameters"}},
		"context":                {[]string{pt, context}, 400, []string{"invalid context"}},
		"resource":               {[]string{pt, inlineData}, 400, []string{"invalid resource"}},
		"limit":                  {[]string{pt, `{"name":"_limit","valueInteger":1}`}, 400, []string{"invalid _limit"}},
		"format fhir":            {[]string{pt, `{"name":"_format","valueCode":"fhir"}`}, 400, []string{"invalid _format"}},
		"format json":            {[]string{pt, `{"name":"_format","valueCode":"json"}`}, 400, []string{"not-supported _format"}},
		"unknown format":         {[]string{pt, `{"name":"_format","valueCode":"xlsx"}`}, 400, []string{"not-supported _format"}},
		"source":                 {[]string{pt, `{"name":"source","valueString":"gs://x"}`}, 400, []string{"not-supported source"}},
		"unknown patient":        {[]string{pt, `{"name":"patient","valueReference":{"reference":"Patient/nobody"}}`}, 400, []string{"not-found patient"}},
		"unknown group":          {[]string{pt, `{"name":"group","valueReference":{"reference":"Group/none"}}`}, 400, []string{"not-found group"}},
		"not in the compartment": {[]string{pt, subject(reference("doctors")), `{"name":"group","valueString":"ward"}`}, 400, []string{"invalid subject[1]"}},
		"too many":               {many, 400, []string{"too-costly subject"}},
		"unknown view":           {[]string{pt, subject(reference("none"))}, 404, []string{"not-found subject[1].subjectReference"}},
		"unknown canonical":      {[]string{subject(otherCanonical)}, 404, []string{"not-found subject[0].subjectCanonical"}},
		"a Library":              {[]string{subject(library)}, 422, []string{"invalid subject[0].subjectResource"}},
		"bad FHIRPath":           {[]string{pt, subject(badPath)}, 422, []string{"invalid subject[1].subjectResource"}},
		"all at once": {
			[]string{subject(otherCanonical), subject(badPath), subject(named("x")), `{"name":"_format","valueCode":"fhir"}`, `{"name":"patient","valueString":"nobody"}`},
			404, []string{"not-found subject[0].subjectCanonical", "invalid subject[1].subjectResource", "invalid subject[2]", "invalid _format"}, // the patient is not looked up
		},
	} {
		got := b.export(t, c.parameters...)
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.Text)
		require.Subset(t, issues(t, got), c.issues, "%s: %s", name, got.Text)
		if !strings.Contains(name, "Library") {
			require.Len(t, issues(t, got), len(c.issues), "%s: %s", name, got.Text)
		}
	}

	got := b.export(t, pt, `{"name":"x","valueString":"y"}`)
	require.Contains(t, got.Text, "supported: _format, header, clientTrackingId, _since, patient, group, subject\"", "each of them, in this order")

	apitest.RequireRefusal(t, b.Get(t, exportPath+"?subjectCanonical="+url.QueryEscape("https://example.org/pt"), "Prefer", "respond-async"), http.StatusBadRequest, "required", "")
	apitest.RequireRefusal(t, b.Post(t, exportPath, apitest.TypeFHIR, apitest.Parameters(pt)), http.StatusBadRequest, "required", "")
	got = b.Post(t, exportPath, apitest.TypeFHIR, apitest.Parameters(subject()))
	require.Equal(t, []string{"required", "invalid subject[0]"}, issues(t, got))
	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.export`))
}
