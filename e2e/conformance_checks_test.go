package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checks are the checks that rows name.
var checks = map[string]func(*testing.T, *conformance){
	"Attachments": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=DocumentReference")
		require.Contains(t, c.lines(t, manifest.Output)[0], `"url":"https://fhir.example.org/fhir/Binary/b1"`)
	},
	"Capabilities": checkCapabilities,
	"Delete": func(t *testing.T, c *conformance) {
		accepted := c.get(t, c.base+"/fhir/$export?_type=Patient")
		manifest, _ := c.await(t, accepted)
		location := accepted.header.Get("Content-Location")
		require.Equal(t, http.StatusAccepted, c.send(t, http.MethodDelete, location, "").status)
		requireOutcome(t, c.get(t, location), http.StatusNotFound)
		requireOutcome(t, c.send(t, http.MethodDelete, location, ""), http.StatusNotFound)
		eventually(t, "removal of the files", func() (bool, any) {
			got := c.get(t, manifest.Output[0].URL, "Authorization", "none")
			return got.status == http.StatusNotFound, got
		})
	},
	"Deleted": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation&_since=2000")
		require.NotNil(t, manifest.Deleted)
		var bundle struct {
			ResourceType, Type string
			Entry              []struct{ Request struct{ Method, URL string } }
		}
		require.NoError(t, json.Unmarshal([]byte(c.lines(t, *manifest.Deleted)[0]), &bundle))
		require.Equal(t, "Bundle", bundle.ResourceType)
		require.Equal(t, "transaction", bundle.Type)
		require.Len(t, bundle.Entry, 1, "o1 has a history, but exists")
		require.Equal(t, "DELETE", bundle.Entry[0].Request.Method)
		require.Equal(t, "Observation/gone", bundle.Entry[0].Request.URL)
		require.NotContains(t, c.ids(t, manifest), "Observation/gone")

		for query, files := range map[string]int{"Group/g1/$export?": 1, "Patient/$export?patient=p1&": 1, "Patient/$export?patient=p2&": 0} {
			manifest, _ := c.export(t, c.base+"/fhir/"+query+"_type=Observation&_since=2000")
			require.Len(t, *manifest.Deleted, files, "deletions of the patient")
		}
	},
	"Documented": func(t *testing.T, c *conformance) {
		readme := readFile(t, "../README.md") + readFile(t, "../docs/bulk-data.md")
		for _, topic := range []string{"_since", "_typeFilter", "includeAssociatedData", "_outputFormat", "Group", "SLUICE_PART_SIZE", "compartment"} {
			require.Contains(t, readme, topic)
		}
		checkCapabilities(t, c)
	},
	"Elements": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation,Patient&_elements=subject,Patient.gender&_typeFilter=Observation?_id=o1,Patient?_id=p1")
		lines := c.lines(t, manifest.Output)
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], `"subject":`)
		require.Contains(t, lines[0], `"status":"final"`, "mandatory")
		require.NotContains(t, lines[0], "valueQuantity")
		require.Contains(t, lines[1], `"gender":"male"`)
		require.NotContains(t, lines[1], "active")
		for _, line := range lines {
			require.Contains(t, line, `"SUBSETTED"`)
		}
		requireOutcome(t, c.get(t, c.base+"/fhir/$export?_elements=Patient.name.family"), http.StatusBadRequest)
	},
	"Failed":    checkFailed,
	"FileSizes": checkFileSizes,
	"Files":     checkFiles,
	"Groups": func(t *testing.T, c *conformance) {
		got := c.get(t, c.base+"/fhir/Group/g1")
		require.Equal(t, http.StatusOK, got.status)
		require.Contains(t, got.body, `"entity":{"reference":"Patient/p1"}`)
		got = c.get(t, c.base+"/fhir/Group?_id=g1")
		require.Equal(t, http.StatusOK, got.status)
		require.Contains(t, got.body, `"type":"searchset"`)
		require.Contains(t, got.body, `"id":"g1"`)
		requireOutcome(t, c.get(t, c.base+"/fhir/Group/none/$export"), http.StatusNotFound)
	},
	"KickOff": func(t *testing.T, c *conformance) {
		for _, headers := range [][]string{{"Accept", "application/fhir+json", "Prefer", "respond-async"}, nil} {
			got := c.get(t, c.base+"/fhir/$export?_type=Patient", headers...)
			require.Equal(t, http.StatusAccepted, got.status)
			require.True(t, strings.HasPrefix(got.header.Get("Content-Location"), c.base+"/"), "absolute")
			require.Contains(t, got.body, `"OperationOutcome"`)
		}
	},
	"Lenient": func(t *testing.T, c *conformance) {
		const query = "/fhir/$export?_type=Patient,Nonsense&unknown=1"
		requireOutcome(t, c.get(t, c.base+query), http.StatusBadRequest)
		manifest, _ := c.export(t, c.base+query, "Prefer", "respond-async, handling=lenient")
		require.ElementsMatch(t, []string{"Patient/p1", "Patient/p2"}, c.ids(t, manifest))
		outcomes := c.lines(t, manifest.Error)
		require.Len(t, outcomes, 2)
		require.Contains(t, outcomes[0], `"OperationOutcome"`)
		require.Contains(t, strings.Join(outcomes, ""), "_type")
		require.Contains(t, strings.Join(outcomes, ""), "unknown")
	},
	"Levels": func(t *testing.T, c *conformance) {
		const types = "?_type=Patient,Observation,Group"
		for level, want := range map[string][]string{
			"/fhir/$export":          {"Group/g1", "Observation/o1", "Observation/o2", "Observation/o3", "Patient/p1", "Patient/p2"},
			"/fhir/Patient/$export":  {"Group/g1", "Observation/o1", "Observation/o2", "Patient/p1", "Patient/p2"},
			"/fhir/Group/g1/$export": {"Group/g1", "Observation/o1", "Patient/p1"},
		} {
			manifest, _ := c.export(t, c.base+level+types)
			require.ElementsMatch(t, want, c.ids(t, manifest), level)
		}
	},
	"Lines": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation,Patient")
		lines := strings.Join(c.lines(t, manifest.Output), "\n")
		require.Contains(t, lines, `"subject":{"reference":"Patient/p1"}`)
		require.Contains(t, lines, `"meta":{`)
		require.Contains(t, lines, `"contained":[{"id":"o","resourceType":"Organization"}]`)
		require.Equal(t, 1, strings.Count(lines, `"id":"o1"`), "the latest version only")
		require.NotContains(t, lines, "entered-in-error")
	},
	"Manifest": checkManifest,
	"Nothing": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Practitioner,Patient&_since="+time.Now().UTC().Format(time.RFC3339))
		require.NotNil(t, manifest.Output)
		require.Empty(t, manifest.Output)
	},
	"OutputFormat": func(t *testing.T, c *conformance) {
		for _, format := range []string{"application/fhir%2Bndjson", "application/ndjson", "ndjson"} {
			manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Patient&_outputFormat="+format)
			require.Equal(t, "application/fhir+ndjson", c.get(t, manifest.Output[0].URL, "Authorization", "none").header.Get("Content-Type"))
		}
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Patient&_outputFormat=application/fhir%2Bndjson%2Bgzip")
		require.Equal(t, "application/gzip", c.get(t, manifest.Output[0].URL, "Authorization", "none").header.Get("Content-Type"))
		requireOutcome(t, c.get(t, c.base+"/fhir/$export?_outputFormat=text/csv"), http.StatusBadRequest)
	},
	"Organized": checkOrganized,
	"Pages":     checkPages,
	"Partial": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Encounter")
		require.Equal(t, []string{"Encounter/bad"}, c.ids(t, manifest))
		require.Equal(t, "OperationOutcome", manifest.Error[0].Type)
		outcome := c.lines(t, manifest.Error)[0]
		require.Contains(t, outcome, `"resourceType":"OperationOutcome"`)
		require.Contains(t, outcome, "Encounter/bad")
	},
	"Patients": func(t *testing.T, c *conformance) {
		manifest, _ := c.export(t, c.base+"/fhir/Patient/$export?_type=Patient,Observation&patient=Patient/p2")
		require.ElementsMatch(t, []string{"Patient/p2", "Observation/o2"}, c.ids(t, manifest))
		requireOutcome(t, c.get(t, c.base+"/fhir/Patient/$export?patient=Patient/p9"), http.StatusBadRequest)
		requireOutcome(t, c.get(t, c.base+"/fhir/Group/g1/$export?patient=Patient/p2"), http.StatusBadRequest)
	},
	"Post": checkPost,
	"Protected": func(t *testing.T, c *conformance) {
		accepted := c.get(t, c.guarded+"/fhir/$export?_type=Observation")
		manifest, _ := c.await(t, accepted)
		for _, url := range []string{c.guarded + "/fhir/$export", accepted.header.Get("Content-Location"), manifest.Output[0].URL} {
			requireOutcome(t, c.get(t, url, "Authorization", "none"), http.StatusUnauthorized)
		}
		for _, url := range []string{accepted.header.Get("Content-Location"), manifest.Output[0].URL} {
			requireOutcome(t, c.get(t, url, "Authorization", basic("narrow")), http.StatusNotFound)
		}
	},
	"Provenance": func(t *testing.T, c *conformance) {
		for query, want := range map[string][]string{
			"/fhir/$export?_type=Provenance":                                                                                      {"Provenance/v1", "Provenance/v2", "Provenance/v3"},
			"/fhir/Patient/$export?_type=Observation,Provenance":                                                                  {"Observation/o1", "Observation/o2", "Provenance/v1", "Provenance/v2"},
			"/fhir/Patient/$export?_type=Observation&includeAssociatedData=LatestProvenanceResources":                             {"Observation/o1", "Observation/o2", "Provenance/v2"},
			"/fhir/Patient/$export?_type=Observation&includeAssociatedData=LatestProvenanceResources,RelevantProvenanceResources": {"Observation/o1", "Observation/o2", "Provenance/v1", "Provenance/v2"},
			"/fhir/$export?_type=Patient&includeAssociatedData=RelevantProvenanceResources":                                       {"Patient/p1", "Patient/p2"},
			"/fhir/Patient/$export?_type=Provenance":                                                                              {"Provenance/v1", "Provenance/v2"},
			"/fhir/Patient/$export?_type=Provenance&patient=Patient/p1":                                                           {"Provenance/v1", "Provenance/v2"},
			"/fhir/Patient/$export?_type=Provenance&patient=Patient/p2":                                                           {},
			"/fhir/Group/g1/$export?_type=Patient,Provenance":                                                                     {"Patient/p1", "Provenance/v1", "Provenance/v2"},
			"/fhir/Group/g1/$export?_type=Observation&includeAssociatedData=LatestProvenanceResources":                            {"Observation/o1", "Provenance/v2"},
			"/fhir/Patient/$export?_type=Observation&patient=p2&includeAssociatedData=RelevantProvenanceResources":                {"Observation/o2"},
		} {
			manifest, _ := c.export(t, c.base+query)
			require.ElementsMatch(t, want, c.ids(t, manifest), query)
		}
	},
	"Refusals": func(t *testing.T, c *conformance) {
		for _, query := range []string{
			"/fhir/$export?_type=Nonsense", "/fhir/$export?_type=Account", "/fhir/Patient/$export?_type=Practitioner", "/fhir/$export?_since=yesterday", "/fhir/$export?x=y",
			"/fhir/$export?_elements=nonsense", "/fhir/Patient/$export?patient=Practitioner/d1", "/fhir/$export?includeAssociatedData=_custom",
			"/fhir/$export?_typeFilter=Patient?_sort=name", "/fhir/$export?organizeOutputBy=Practitioner",
		} {
			requireOutcome(t, c.get(t, c.base+query), http.StatusBadRequest)
		}
	},
	"Running":        checkRunning,
	"Scopes":         checkScopes,
	"SeparateStatus": checkSeparateStatus,
	"Several":        checkSeveral,
	"Since": func(t *testing.T, c *conformance) {
		for query, want := range map[string][]string{
			"/fhir/$export?_since=2019-12-31":           {"Patient/p1", "Patient/p2"},
			"/fhir/$export?_since=2020-01-01T00:00:00Z": nil,
			"/fhir/Patient/$export?_since=2019":         {"Patient/p1", "Patient/p2"},
			"/fhir/$export?_until=2020-01-01":           nil,
			"/fhir/$export?_until=2020-01-02":           {"Patient/p1", "Patient/p2"},
		} {
			manifest, _ := c.export(t, c.base+query+"&_type=Patient")
			require.ElementsMatch(t, want, c.ids(t, manifest), query)
		}
	},
	"TooMany":         checkTooMany,
	"TooManyPolls":    checkTooManyPolls,
	"TransactionTime": checkTransactionTime,
	"Unlinked":        checkUnlinked,
	"TypeFilter": func(t *testing.T, c *conformance) {
		for query, want := range map[string][]string{
			"_typeFilter=Observation%3Fstatus%3Dfinal":                                                      {"Observation/o1", "Observation/o3", "Patient/p1", "Patient/p2"},
			"_typeFilter=Observation%3Fsubject%3DPatient/p2&_typeFilter=Observation%3Fsubject%3DPatient/p1": {"Observation/o1", "Observation/o2", "Patient/p1", "Patient/p2"},
			"_typeFilter=Observation%3Fstatus%3Dpreliminary,Patient%3Fgender%3Dfemale":                      {"Observation/o2", "Patient/p2"},
		} {
			manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation,Patient&"+query)
			require.ElementsMatch(t, want, c.ids(t, manifest), query)
		}
		requireOutcome(t, c.get(t, c.base+"/fhir/$export?_typeFilter=Patient%3F_sort%3Dname"), http.StatusBadRequest)
	},
	"Types": func(t *testing.T, c *conformance) {
		all, _ := c.export(t, c.base+"/fhir/$export")
		require.Len(t, c.ids(t, all), 13, "all types, including Binary")
		for _, query := range []string{"_type=Binary,Patient", "_type=Binary&_type=Patient"} {
			manifest, _ := c.export(t, c.base+"/fhir/$export?"+query)
			require.ElementsMatch(t, []string{"Binary/b1", "Patient/p1", "Patient/p2"}, c.ids(t, manifest))
		}
	},
}
