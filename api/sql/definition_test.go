package sql_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

const viewPath = "/fhir/ViewDefinition"

func TestViewDefinitionLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	apitest.RequireRefusal(t, b.Get(t, viewPath+"/pt"), http.StatusNotFound, "not-found", "")

	created := b.put(t, "pt", patientView)
	require.Equal(t, http.StatusCreated, created.StatusCode, created.Text)
	require.True(t, strings.HasPrefix(created.Header.Get("Location"), b.URL+viewPath+"/pt/_history/"), created.Header)
	first := b.Get(t, viewPath+"/pt")
	require.Equal(t, http.StatusOK, first.StatusCode)
	require.Equal(t, created.Text, first.Text)
	require.Equal(t, created.Header.Get("ETag"), first.Header.Get("ETag"))
	require.Equal(t, apitest.TypeFHIR, first.Header.Get("Content-Type"))
	var got, want map[string]any
	require.NoError(t, json.Unmarshal([]byte(first.Text), &got))
	meta, _ := got["meta"].(map[string]any)
	require.Equal(t, `W/"`+meta["versionId"].(string)+`"`, first.Header.Get("ETag"))
	require.NotEmpty(t, meta["lastUpdated"])
	delete(got, "meta")
	require.NoError(t, json.Unmarshal([]byte(patientView), &want))
	require.Equal(t, want, got)

	// Another version, in the form of 2.0.0 and with a number whose text matters.
	second := strings.Replace(patientView, `"resourceType":"ViewDefinition"`, `"resourceType":"https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition","constant":[{"name":"c","valueDecimal":1.00}]`, 1)
	updated := b.put(t, "pt", second)
	require.Equal(t, http.StatusOK, updated.StatusCode, updated.Text)
	require.NotEqual(t, created.Header.Get("ETag"), updated.Header.Get("ETag"))
	require.Contains(t, updated.Text, `"valueDecimal":1.00`)
	require.Contains(t, updated.Text, `"resourceType":"ViewDefinition"`)
	require.Equal(t, updated.Text, b.Get(t, viewPath+"/pt").Text)

	for range 2 {
		got := b.Do(t, b.Request(t, http.MethodDelete, viewPath+"/pt"))
		require.Equal(t, http.StatusNoContent, got.StatusCode, got.Text)
	}
	apitest.RequireRefusal(t, b.Get(t, viewPath+"/pt"), http.StatusNotFound, "not-found", "")

	posted := b.Post(t, viewPath, apitest.TypeFHIR, patientView)
	require.Equal(t, http.StatusCreated, posted.StatusCode, posted.Text)
	require.NoError(t, json.Unmarshal([]byte(posted.Text), &got))
	require.NotEqual(t, "pt", got["id"])
	require.Equal(t, http.StatusOK, b.Get(t, viewPath+"/"+got["id"].(string)).StatusCode)

	var actions, resources []string
	for _, line := range b.Logs.Audited(t) {
		if line.Outcome == "done" {
			actions = append(actions, line.Action)
			require.Equal(t, []string{"ViewDefinition"}, line.Types)
			resources = append(resources, line.Resource)
		}
	}
	require.Equal(t, []string{"create", "read", "update", "read", "delete", "delete", "create", "read"}, actions)
	other := got["id"].(string)
	require.Equal(t, []string{"pt", "pt", "pt", "pt", "pt", "pt", other, other}, resources)
}

func TestViewDefinitionRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		id, body string
		status   int
		issues   []string
	}{
		"another id":       {"other", patientView, 400, []string{"invalid id"}},
		"no id":            {"pt", strings.Replace(patientView, `"id":"pt",`, "", 1), 400, []string{"invalid id"}},
		"an impossible id": {"p_t", patientView, 400, []string{"invalid id"}},
		"a dot":            {"%2E", definition(".", "Patient"), 400, []string{"invalid id"}},
		"two dots":         {"%2E%2E", definition("..", "Patient"), 400, []string{"invalid id"}},
		"not JSON":         {"pt", "{", 400, []string{"invalid"}},
		"null":             {"pt", "null", 400, []string{"invalid"}},
		"nothing":          {"pt", "", 400, []string{"invalid"}},
		"another type":     {"pt", `{"resourceType":"Patient","id":"pt"}`, 422, nil},
		"several findings": {
			"pt", `{"resourceType":"ViewDefinition","id":"pt","name":"a b","status":"active","resource":"Patient","select":[{"column":[{"name":"x","path":"@@"}]},{"column":[{"name":"x","path":"id"}]}]}`,
			422, []string{"invalid name", "invalid select[0].column[0].path", "invalid select[1].column[0].name"},
		},
		"too large": {"pt", `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, 413, []string{"too-long"}},
	} {
		got := b.put(t, c.id, c.body)
		require.Equal(t, c.status, got.StatusCode, "%s: %s", name, got.Text)
		if c.issues != nil {
			require.ElementsMatch(t, c.issues, issues(t, got), "%s: %s", name, got.Text)
		}
	}
	require.Equal(t, http.StatusUnsupportedMediaType, b.Do(t, b.RequestWithBody(t, http.MethodPut, viewPath+"/pt", patientView, "Content-Type", "text/plain")).StatusCode)
	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.view_definition`))
}

func TestViewDefinitionSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	old := strings.NewReplacer(`"id":"pt"`, `"id":"pt-old"`, `"version":"1"`, `"version":"0"`).Replace(patientView)
	require.Equal(t, http.StatusCreated, b.put(t, "pt-old", old).StatusCode)
	find := func(query string) (found []string, next string) {
		got := b.Get(t, viewPath+query)
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		var bundle struct {
			Type  string
			Link  []struct{ Relation, URL string }
			Entry []struct {
				FullURL  string
				Resource struct{ ID string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(got.Text), &bundle))
		require.Equal(t, "searchset", bundle.Type)
		for _, entry := range bundle.Entry {
			require.Equal(t, b.URL+viewPath+"/"+entry.Resource.ID, entry.FullURL)
			found = append(found, entry.Resource.ID)
		}
		for _, link := range bundle.Link {
			if link.Relation == "next" {
				next = strings.TrimPrefix(link.URL, b.URL+viewPath)
			}
		}
		return found, next
	}
	for query, want := range map[string][]string{
		"":                                      {"doctors", "obs", "pt", "pt-old"},
		"?url=https://example.org/pt":           {"pt", "pt-old"},
		"?url=https://example.org/pt|0":         {"pt-old"},
		"?url=https://example.org/pt&version=1": {"pt"},
		"?name=P":                               {"pt", "pt-old"},
		"?name:exact=P":                         nil,
		"?name:exact=pt":                        {"pt", "pt-old"},
		"?name:contains=B":                      {"obs"},
		"?_id=obs":                              {"obs"},
		"?url=x":                                nil,
	} {
		found, next := find(query)
		require.Equal(t, want, found, query)
		require.Empty(t, next)
	}
	var pages [][]string
	for query := "?_count=3"; query != ""; {
		var found []string
		found, query = find(query)
		pages = append(pages, found)
	}
	require.Equal(t, [][]string{{"doctors", "obs", "pt"}, {"pt-old"}}, pages)
	unknown := b.Get(t, viewPath+"?_count=0&unknown=1")
	require.Equal(t, []string{"invalid _count", "invalid unknown"}, issues(t, unknown))
	require.Contains(t, unknown.Text, "supported: _count, _format, _id, _after, url, version, name, name:exact, name:contains")

	// Without a version, the one that was stored last is resolved.
	run := func(canonical string) string {
		got := b.Get(t, runPath+"?_limit=0&_format=csv&subjectCanonical="+canonical)
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		return got.Text
	}
	changed := strings.Replace(old, `"name":"gender"`, `"name":"sex"`, 1)
	require.Equal(t, http.StatusOK, b.put(t, "pt-old", changed).StatusCode)
	require.Equal(t, "id,sex\n", run("https://example.org/pt"))
	require.Equal(t, "id,gender\n", run("https://example.org/pt%7C1"))
	require.Equal(t, http.StatusOK, b.put(t, "pt", patientView).StatusCode)
	require.Equal(t, "id,gender\n", run("https://example.org/pt"))
	require.Equal(t, "id,sex\n", run("https://example.org/pt|0"))
}
