package sql_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestOperationDefinitions: each operation that the CapabilityStatement declares has a
// definition here, which lists exactly the parameters that the operation takes.
func TestOperationDefinitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	var statement struct {
		Format []string
		Rest   []struct {
			Operation []struct{ Name, Definition string }
			Resource  []struct {
				Type        string
				Interaction []struct{ Code string }
				Operation   []any
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(b.Get(t, "/fhir/metadata").Text), &statement))
	require.Subset(t, statement.Format, []string{"application/x-ndjson", "text/csv", "application/vnd.apache.parquet"})
	defined, results := map[string][]string{}, map[string][]string{}
	for _, operation := range statement.Rest[0].Operation {
		path, ours := strings.CutPrefix(operation.Definition, b.URL)
		if !ours {
			continue
		}
		got := b.Get(t, path)
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Equal(t, apitest.TypeFHIR, got.Header.Get("Content-Type"))
		var definition struct {
			ResourceType, URL, Name, Status, Kind, Code, Base string
			System, Type, Instance                            *bool
			Parameter                                         []struct {
				Name, Use, Max string
				Min            *int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.Text), &definition))
		require.Equal(t, "OperationDefinition", definition.ResourceType)
		require.Equal(t, operation.Definition, definition.URL)
		require.Equal(t, operation.Name, definition.Code)
		require.Equal(t, "operation", definition.Kind)
		require.NotNil(t, definition.System)
		require.NotNil(t, definition.Type)
		require.NotNil(t, definition.Instance)
		for _, p := range definition.Parameter {
			require.NotNil(t, p.Min)
			if p.Use == "in" {
				defined[operation.Name] = append(defined[operation.Name], p.Name)
			} else {
				results[operation.Name] = append(results[operation.Name], p.Name)
			}
		}
		if operation.Name == "sql-run" {
			require.Equal(t, "http://hl7.org/fhir/uv/sql-on-fhir/OperationDefinition/SQLRun", definition.Base)
		}
	}
	filters := []string{"_format", "header", "patient", "group", "_since"}
	require.ElementsMatch(t, append([]string{"subjectCanonical", "subjectReference", "subjectResource", "_limit"}, filters...), defined["sql-run"])
	require.ElementsMatch(t, append([]string{"subject", "clientTrackingId"}, filters...), defined["sql-export"])
	require.ElementsMatch(t, append([]string{"subjectCanonical", "viewReference", "viewResource", "_limit"}, filters...), defined["viewdefinition-run"])
	require.ElementsMatch(t, append([]string{"view", "clientTrackingId"}, filters...), defined["viewdefinition-export"])
	for _, name := range []string{"sql-export", "viewdefinition-export"} { // what manifest.WriteTables writes, and interim
		require.ElementsMatch(t, []string{
			"exportId", "clientTrackingId", "status", "_format", "location", "cancelUrl",
			"exportStartTime", "exportEndTime", "exportDuration", "transactionTime", "output", "error",
		}, results[name])
	}
	apitest.RequireRefusal(t, b.Get(t, "/fhir/OperationDefinition/none"), http.StatusNotFound, "not-found", "")

	resources := statement.Rest[0].Resource
	last := resources[len(resources)-1]
	require.Equal(t, "ViewDefinition", last.Type)
	require.Len(t, last.Interaction, 5)
	require.Empty(t, last.Operation)
}

// TestOlderNames: $viewdefinition-run and $viewdefinition-export.
func TestOlderNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	all := []any{"pt-1", "pt-2", "pt-3"}
	for _, target := range []string{
		"/fhir/$viewdefinition-run?viewReference=ViewDefinition/pt",
		"/fhir/ViewDefinition/$viewdefinition-run?viewReference=ViewDefinition/pt",
		"/fhir/ViewDefinition/$run?subjectReference=ViewDefinition/pt",
		"/fhir/ViewDefinition/pt/$viewdefinition-run",
		"/fhir/ViewDefinition/pt/$run",
	} {
		require.Equal(t, all, ids(t, b.Get(t, target)), target)
	}
	older := strings.NewReplacer("subjectReference", "viewReference", "subjectResource", "viewResource", `"subject"`, `"view"`)
	for _, form := range []string{reference("pt"), inline(patientView)} {
		got := b.Post(t, "/fhir/$viewdefinition-run", apitest.TypeFHIR, older.Replace(apitest.Parameters(form)))
		require.Equal(t, all, ids(t, got))
	}
	apitest.RequireRefusal(t, b.Get(t, "/fhir/ViewDefinition/none/$viewdefinition-run"), http.StatusNotFound, "not-found", "viewReference")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/ViewDefinition/pt/$run?viewReference=ViewDefinition/obs"), http.StatusBadRequest, "invalid", "viewReference")

	for _, path := range []string{"/fhir/$viewdefinition-export", "/fhir/ViewDefinition/$viewdefinition-export"} {
		got := b.Post(t, path, apitest.TypeFHIR, older.Replace(apitest.Parameters(subject(named("x"), reference("pt")))), "Prefer", "respond-async")
		require.Equal(t, http.StatusAccepted, got.StatusCode, got.Text)
		require.True(t, strings.HasPrefix(got.Header.Get("Content-Location"), b.URL+exportPath))
		apitest.RequireRefusal(t, b.Get(t, path), http.StatusBadRequest, "required", "")
	}
	require.Equal(t, 2, b.Count(t, `SELECT count(*) FROM sluice.export WHERE request->'tables'->'views'->0->>'name' = 'x'`))
}

// TestProblemsOfOlderNames: problems name the parameters as the client has sent them.
func TestProblemsOfOlderNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	older := strings.NewReplacer("subjectReference", "viewReference", "subjectResource", "viewResource", `"subject"`, `"view"`)
	pt := reference("pt")
	for name, c := range map[string]refusal{
		"no subject":        {nil, 400, []string{"required view"}},
		"two forms":         {[]string{pt, inline(patientView)}, 400, []string{"invalid view"}},
		"repeated":          {[]string{pt, pt}, 400, []string{"invalid viewReference"}},
		"repeated resource": {[]string{inline(patientView), inline(patientView)}, 400, []string{"invalid viewResource"}},
		"unknown view":      {[]string{reference("none")}, 404, []string{"not-found viewReference"}},
		"no value":          {[]string{`{"name":"subjectReference"}`}, 400, []string{"invalid viewReference", "required view"}},
		"no resource":       {[]string{`{"name":"subjectResource"}`}, 400, []string{"invalid viewResource"}},
		"part":              {[]string{subject(pt)}, 400, []string{"invalid view"}},
	} {
		got := b.Post(t, "/fhir/$viewdefinition-run", apitest.TypeFHIR, older.Replace(apitest.Parameters(c.parameters...)))
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.Text)
		require.ElementsMatch(t, c.issues, issues(t, got), "%s: %s", name, got.Text)
		require.NotContains(t, got.Text, "subjectRe", name)
	}
	for name, c := range map[string]refusal{
		"no subject":   {nil, 400, []string{"required view"}},
		"two forms":    {[]string{subject(pt, inline(patientView))}, 400, []string{"invalid view[0]"}},
		"repeated":     {[]string{subject(pt, pt)}, 400, []string{"invalid view[0].viewReference"}},
		"unknown view": {[]string{subject(pt), subject(reference("none"))}, 404, []string{"not-found view[1].viewReference"}},
		"equal names":  {[]string{subject(pt), subject(pt)}, 400, []string{"invalid view"}},
		"outside":      {[]string{subject(pt), inline(patientView)}, 400, []string{"invalid viewResource"}},
	} {
		got := b.Post(t, "/fhir/$viewdefinition-export", apitest.TypeFHIR, older.Replace(apitest.Parameters(c.parameters...)), "Prefer", "respond-async")
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.Text)
		require.ElementsMatch(t, c.issues, issues(t, got), "%s: %s", name, got.Text)
		require.NotContains(t, got.Text, "subjectRe", name)
	}
	// The older operations accept the current names, too.
	apitest.RequireRefusal(t, b.Post(t, "/fhir/$viewdefinition-run", apitest.TypeFHIR, apitest.Parameters(reference("none"))), http.StatusNotFound, "not-found", "subjectReference")
}
