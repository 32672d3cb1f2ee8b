package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireBlocks reads an export organised by patient, and returns the resources in the
// block of each patient as Type/id.
func (c *conformance) requireBlocks(t *testing.T, manifest bulkManifest) map[string][]string {
	t.Helper()
	require.Equal(t, "Patient", manifest.OutputOrganizedBy)
	blocks := map[string][]string{}
	current, continuesIn := "", ""
	for _, file := range manifest.Output {
		require.Empty(t, file.Type)
		require.Equal(t, continuesIn != "", sameObject(t, continuesIn, file.URL))
		lines := c.lines(t, []bulkFile{file})
		require.Len(t, lines, *file.Count+strings.Count(strings.Join(lines, "\n"), `"resourceType":"Parameters"`), "headers are not counted")
		for i, line := range lines {
			var resource struct {
				ResourceType, ID string
				Parameter        []struct {
					Name           string
					ValueReference struct{ Reference string }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(line), &resource))
			if resource.ResourceType != "Parameters" {
				require.NotZero(t, i, "a file begins with a header")
				blocks[current] = append(blocks[current], resource.ResourceType+"/"+resource.ID)
				continue
			}
			require.Len(t, resource.Parameter, 1)
			require.Equal(t, "header", resource.Parameter[0].Name)
			reference := resource.Parameter[0].ValueReference.Reference
			if i == 0 && continuesIn != "" {
				require.Equal(t, current, reference, "the header is repeated")
			} else {
				require.NotContains(t, blocks, reference)
			}
			current = reference
		}
		continuesIn = file.ContinuesInFile
	}
	require.Empty(t, continuesIn)
	return blocks
}

// sameObject reports whether two links lead to the same object.
func sameObject(t *testing.T, a, b string) bool {
	t.Helper()
	first, err := url.Parse(a)
	require.NoError(t, err)
	second, err := url.Parse(b)
	require.NoError(t, err)
	return first.Path == second.Path
}

// organized are the patient blocks of the conformance data.
var organized = map[string][]string{
	"Patient/p1": {"Patient/p1", "DocumentReference/r1", "Group/g1", "Observation/o1", "Provenance/v1", "Provenance/v2"},
	"Patient/p2": {"Patient/p2", "Group/g1", "Observation/o2"},
}

func checkOrganized(t *testing.T, c *conformance) {
	const query = "/$export?organizeOutputBy=Patient"
	for _, level := range []string{"/fhir", "/fhir/Patient"} {
		manifest, _ := c.export(t, c.base+level+query)
		require.Equal(t, organized, c.requireBlocks(t, manifest), level)
		require.Len(t, manifest.Output, 1)
	}
	manifest, _ := c.export(t, c.base+"/fhir/Group/g1"+query)
	require.Equal(t, map[string][]string{"Patient/p1": organized["Patient/p1"]}, c.requireBlocks(t, manifest))
	manifest, _ = c.export(t, c.base+"/fhir/Patient"+query+"&_type=Observation&_typeFilter=Observation?status=final")
	require.Equal(t, map[string][]string{"Patient/p1": {"Observation/o1"}}, c.requireBlocks(t, manifest))

	// A block that is too large for a file continues in the next, with both ways of access.
	for _, base := range []string{c.base, c.guarded} {
		manifest, _ = c.export(t, base+"/fhir"+query+maximumFileSize)
		require.Len(t, manifest.Output, 9, "one resource each, and a header")
		authorization := "none"
		if base == c.guarded {
			authorization = basic("a")
		}
		for i, file := range manifest.Output {
			require.Equal(t, 1, *file.Count)
			require.Equal(t, i != 5 && i != 8, file.ContinuesInFile != "", i)
			require.Equal(t, http.StatusOK, c.get(t, file.URL, "Authorization", authorization).status)
		}
	}
	manifest, _ = c.export(t, c.base+"/fhir"+query+maximumFileSize)
	require.Equal(t, organized, c.requireBlocks(t, manifest))
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?organizeOutputBy=Practitioner"), http.StatusBadRequest)
	manifest, _ = c.export(t, c.base+"/fhir/$export?_type=Patient&organizeOutputBy=Practitioner", "Prefer", "handling=lenient")
	require.Empty(t, manifest.OutputOrganizedBy)
	require.Equal(t, "Patient", manifest.Output[0].Type)
	require.Len(t, c.lines(t, manifest.Error), 1)
}

func checkUnlinked(t *testing.T, c *conformance) {
	manifest, _ := c.export(t, c.base+"/fhir/$export?organizeOutputBy=Patient&_type=Patient,Observation,Practitioner")
	require.NotContains(t, strings.Join(c.lines(t, manifest.Output), ""), `"o3"`)
	warnings := strings.Join(c.lines(t, manifest.Error), "\n")
	require.Contains(t, warnings, "Observation: 1 resources are in no patient's compartment")
	require.Contains(t, warnings, "Practitioner: resources of this type are in no patient's compartment")
	manifest, _ = c.export(t, c.base+"/fhir/Patient/$export?organizeOutputBy=Patient&_type=Patient,Observation")
	require.Empty(t, manifest.Error)
}

func checkFileSizes(t *testing.T, c *conformance) {
	manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation&_minimumFileSize=100&_maximumFileSize=1000000")
	require.Len(t, manifest.Output, 1)
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?_minimumFileSize=100000&_maximumFileSize=100000"), http.StatusBadRequest)
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?_minimumFileSize=much"), http.StatusBadRequest)
}
