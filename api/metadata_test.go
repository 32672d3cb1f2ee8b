package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Version = "1.2.3" })

	request := b.Request(t, http.MethodGet, "/fhir/metadata")
	request.Header.Del("Authorization")
	got := b.Do(t, request)
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	require.Equal(t, apitest.TypeFHIR, got.Header.Get("Content-Type"))
	var statement struct {
		ResourceType, Status, Kind, FHIRVersion, Date string
		Instantiates, Format                          []string
		Software                                      struct{ Name, Version string }
		Implementation                                struct{ URL string }
		Rest                                          []struct {
			Mode     string
			Resource []struct {
				Type        string
				Interaction []struct{ Code string }
				SearchParam []struct {
					Name, Type, Definition string
					Extension              []struct{ URL, ValueCanonical string }
				}
				Operation []struct{ Name, Definition, Documentation string }
			}
			Operation []struct{ Name, Definition, Documentation string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.Text), &statement))
	require.Equal(t, "CapabilityStatement", statement.ResourceType)
	require.Equal(t, "4.0.1", statement.FHIRVersion)
	require.Equal(t, "instance", statement.Kind)
	require.NotEmpty(t, statement.Date)
	require.Equal(t, "1.2.3", statement.Software.Version)
	require.Equal(t, b.URL+"/fhir", statement.Implementation.URL)
	require.Equal(t, []string{"http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"}, statement.Instantiates)
	require.Contains(t, statement.Format, "application/fhir+json")

	rest := statement.Rest[0]
	require.Equal(t, "server", rest.Mode)
	require.Equal(t, "export", rest.Operation[0].Name)
	require.Equal(t, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export", rest.Operation[0].Definition)
	requireParameters(t, b, "/fhir/$export", rest.Operation[0].Documentation)
	var types []string
	for _, resource := range rest.Resource {
		types = append(types, resource.Type)
	}
	require.Equal(t, []string{"Group", "Observation", "Patient", "ViewDefinition"}, types, "those that have a table, and views")
	rest.Resource = rest.Resource[:3]
	operations := map[string]string{}
	for _, resource := range rest.Resource {
		for _, operation := range resource.Operation {
			require.Equal(t, "export", operation.Name)
			operations[resource.Type] = operation.Definition
			if resource.Type == "Patient" {
				requireParameters(t, b, "/fhir/Patient/$export", operation.Documentation)
			}
		}
		if resource.Type != "Group" {
			require.Empty(t, resource.Interaction)
			require.Len(t, resource.SearchParam, len(search.Supported(resource.Type)))
		}
		// What _typeFilter does not know is marked.
		for _, parameter := range resource.SearchParam {
			_, known := params.R4().Parameter(resource.Type, parameter.Name)
			require.Equal(t, known, len(parameter.Extension) == 0, "%s %s", resource.Type, parameter.Name)
			for _, extension := range parameter.Extension {
				require.Equal(t, "http://hl7.org/fhir/uv/bulkdata/Extension/operation-not-supported", extension.URL)
				require.Equal(t, statement.Instantiates[0], extension.ValueCanonical)
			}
		}
		// Each parameter that is listed is known, whatever becomes of its value.
		for _, parameter := range resource.SearchParam[:min(3, len(resource.SearchParam))] {
			_, err := search.Parse(resource.Type, parameter.Name+":missing=true")
			if resource.Type != "Group" && parameter.Type != "composite" && parameter.Name[0] != '_' {
				require.NoError(t, err, "%s %s", resource.Type, parameter.Name)
			}
		}
	}
	require.Equal(t, map[string]string{
		"Patient": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
		"Group":   "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export",
	}, operations)

	// The cached document is not used for another base URL.
	base, err := url.Parse(b.URL)
	require.NoError(t, err)
	request.URL.Host = "localhost:" + base.Port()
	request.Host = ""
	require.Contains(t, b.Do(t, request).Text, `"http://localhost:`+base.Port()+`/fhir"`)
}

// TestMetadataTypes: the types are those that can be exported here, and those known
// last while the source is away.
func TestMetadataTypes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, apitest.UnusualTables)
	b.Aidbox(t, "Encounter")
	b.Exec(t, `ALTER TABLE encounter RENAME TO visits; INSERT INTO visits (id, txid, status, resource) VALUES ('v', 1, 'created', '{"resourceType": "Encounter"}')`)
	b.ReadAs(t, `patient, "group", practitioner, location, device, task, visits`)
	listed := func() (types []string) {
		got := b.Get(t, "/fhir/metadata")
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		var statement struct {
			Rest []struct{ Resource []struct{ Type string } }
		}
		require.NoError(t, json.Unmarshal([]byte(got.Text), &statement))
		for _, resource := range statement.Rest[0].Resource {
			types = append(types, resource.Type)
		}
		return types
	}
	require.Equal(t, []string{"Device", "Encounter", "Group", "Patient", "Practitioner", "ViewDefinition"}, listed())
	b.Exec(t, `ALTER TABLE practitioner RENAME TO elsewhere`)
	require.Contains(t, listed(), "Practitioner", "the source is not asked each time")

	b.Source.Close()
	b.Serve(t, api.New(b.Config))
	require.Equal(t, http.StatusServiceUnavailable, b.Get(t, "/fhir/metadata").StatusCode)
}

// requireParameters compares the documented parameters of an operation with those listed
// in the refusal of an unknown one.
func requireParameters(t *testing.T, b *testBundle, target, documentation string) {
	t.Helper()
	names := regexp.MustCompile(`_?[a-z][A-Za-z]+`)
	_, listed, ok := strings.Cut(documentation, "Parameters: ")
	require.True(t, ok)
	_, known, ok := strings.Cut(b.Get(t, target+"?x=y").Text, "supported: ")
	require.True(t, ok)
	known, _, _ = strings.Cut(known, `"`)
	listed = "_format " + strings.ReplaceAll(listed, "(Patient)", "") // which every request may have
	require.ElementsMatch(t, names.FindAllString(known, -1), names.FindAllString(listed, -1))
}
