package group_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

type searchset struct {
	ResourceType, Type string
	Link               []struct{ Relation, URL string }
	Entry              []struct {
		FullURL  string
		Resource struct {
			ResourceType, ID, Name string
			Member                 []struct{ Entity struct{ Reference string } }
		}
		Search struct{ Mode string }
	}
}

// searchGroups returns the ids of a page and where the next one is.
func (b *testBundle) searchGroups(t *testing.T, target string) (ids []string, next string) {
	t.Helper()
	var set searchset
	got := b.Get(t, target)
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	require.Equal(t, apitest.TypeFHIR, got.Header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal([]byte(got.Text), &set))
	require.Equal(t, "Bundle", set.ResourceType)
	require.Equal(t, "searchset", set.Type)
	for _, entry := range set.Entry {
		require.Equal(t, b.URL+"/fhir/Group/"+entry.Resource.ID, entry.FullURL)
		require.Equal(t, "match", entry.Search.Mode)
		ids = append(ids, entry.Resource.ID)
	}
	for _, link := range set.Link {
		if link.Relation == "next" {
			next = strings.TrimPrefix(link.URL, b.URL)
		}
	}
	return ids, next
}

func TestGroups(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "stored"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if form == "text" {
				b.Exec(t, `DROP CAST IF EXISTS (jsonb AS bytea)`)
			} else {
				sourcetest.CreateCast(t, b.DB.Config().ConnString())
			}
			b.requireGroups(t)
			require.Equal(t, form, b.Source.Form().String())
		})
	}
}

func (b *testBundle) requireGroups(t *testing.T) {
	t.Helper()
	none, _ := b.searchGroups(t, "/fhir/Group")
	require.Empty(t, none, "no table, no groups")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/g-01"), http.StatusNotFound, "not-found", "")

	b.Aidbox(t, "Group", "Patient")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource)
		SELECT 'g-' || to_char(n, 'FM00'), n, 'created', jsonb_build_object('type', 'person', 'name', CASE WHEN n % 2 = 0 THEN 'Ward 100% ' ELSE 'Clinic ' END || n,
			'identifier', jsonb_build_array(jsonb_build_object('system', 'urn:s', 'value', 'v-' || n)),
			'member', jsonb_build_array(jsonb_build_object('entity', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-1'))))
		FROM generate_series(1, 25) AS n`)

	got := b.Get(t, "/fhir/Group/g-07")
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	require.Equal(t, apitest.TypeFHIR, got.Header.Get("Content-Type"))
	require.Contains(t, got.Text, `{"entity":{"reference":"Patient/pt-1"}}`, "in FHIR format")
	require.Contains(t, got.Text, `"versionId":"7"`)
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/g-99"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/"+url.PathEscape("' OR true --")), http.StatusNotFound, "not-found", "")

	// A search omits members and marks the Groups as subsetted.
	page := b.Get(t, "/fhir/Group?_id=g-07").Text
	require.NotContains(t, page, "member")
	require.Contains(t, page, `"code":"SUBSETTED"`)
	require.Contains(t, page, `"name":"Clinic 7"`)
	require.Contains(t, page, `"identifier":[{`)
	require.NotContains(t, got.Text, "SUBSETTED")

	var all []string
	pages := 0
	for next := "/fhir/Group?_count=10&type=person"; next != ""; pages++ {
		var ids []string
		ids, next = b.searchGroups(t, next)
		all = append(all, ids...)
	}
	require.Equal(t, 3, pages)
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprintf("g-%02d", n+1))
	}
	require.Equal(t, want, all)
	ids, next := b.searchGroups(t, "/fhir/Group")
	require.Len(t, ids, 20)
	require.NotEmpty(t, next)
	ids, next = b.searchGroups(t, "/fhir/Group?_count=25")
	require.Len(t, ids, 25)
	require.Empty(t, next)

	for query, want := range map[string][]string{
		"_id=g-03":                          {"g-03"},
		"_id=g-03,g-04":                     {"g-03", "g-04"},
		"identifier=urn:s|v-5":              {"g-05"},
		"identifier=v-5,v-6":                {"g-05", "g-06"},
		"name=ward%20100%25%202":            {"g-02", "g-20", "g-22", "g-24"},
		"name=ward&_id=g-01,g-02":           {"g-02"},
		"name=WARD%20100%25%206,clinic%207": {"g-06", "g-07"},
		"name:exact=Clinic%207":             {"g-07"},
		"name:exact=clinic%207":             nil,
		"name:contains=c%2013":              {"g-13"},
		"name=%25":                          nil,
		"name=_":                            nil,
		"name=' OR true --":                 nil,
	} {
		ids, _ := b.searchGroups(t, "/fhir/Group?"+strings.ReplaceAll(query, " ", "%20"))
		require.Equal(t, want, ids, query)
	}
	// What a query names is decoded once; case and accents do not count in a name.
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES
		('plus', 31, 'created', '{"name": "Γιώργος", "identifier": [{"value": "AB+1"}]}'), ('blank', 32, 'created', '{"identifier": [{"value": "AB 1"}]}'),
		('comma', 35, 'created', '{"name": "Ward 7, east", "managingEntity": {"resourceType": "Organization", "id": "o1"}}'),
		('percent', 33, 'created', '{"identifier": [{"value": "100%"}]}'), ('escape', 34, 'created', '{"identifier": [{"value": "%41&b=c"}]}')`)
	for query, want := range map[string][]string{
		"identifier=AB%2B1": {"plus"}, "identifier=AB+1": {"blank"}, "identifier=AB%201": {"blank"}, "identifier=100%25": {"percent"},
		"identifier=%2541%26b%3Dc": {"escape"}, "name=ΓΙΩΡΓΟΣ": {"plus"}, "name:contains=ΩΡΓΟΣ": {"plus"}, "name:exact=ΓΙΩΡΓΟΣ": nil,
		`name=ward%207\,`: {"comma"}, `name:exact=Ward%207\,%20east,x`: {"comma"}, "name:exact=Ward%207,%20east": nil,
		"managing-entity=Organization/o1": {"comma"}, "managing-entity=" + b.URL + "/fhir/Organization/o1": {"comma"},
	} {
		ids, _ := b.searchGroups(t, "/fhir/Group?"+query)
		require.Equal(t, want, ids, query)
	}
	ids, next = b.searchGroups(t, "/fhir/Group?_count=1&identifier=AB%2B1,AB%201")
	require.Equal(t, []string{"blank"}, ids)
	ids, next = b.searchGroups(t, next)
	require.Equal(t, []string{"plus"}, ids)
	require.Empty(t, next)
	for query, parameter := range map[string]string{"x=y": "x", "_count=0": "_count", "_count=many": "_count", "_after=%00": "_after", "_after=%ff": "_after", "name=%00": "name", "name=%ff": "name", "_sort=name": "_sort", "name:text=x": "name:text", "name=": "name", "_count=1&_count=2": "_count"} {
		got := b.Get(t, "/fhir/Group?"+query)
		require.Equal(t, http.StatusBadRequest, got.StatusCode, query)
		require.Contains(t, got.Text, parameter)
	}
}

// The elements that a search shows are all that R4 knows of a Group, but the
// members.
func TestGroupElements(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Group")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES ('g', 1, 'created', '{"identifier": [{"value": "v"}], "active": true, "type": "person",
		"actual": true, "code": {"text": "c"}, "name": "n", "quantity": 2, "managingEntity": {"display": "m"}, "text": {"status": "empty"}, "language": "en",
		"contained": [{"id": "x", "resourceType": "Patient"}], "implicitRules": "r", "meta": {"profile": ["p"]}, "modifierExtension": [{"url": "u", "value": {"string": "s"}}],
		"extension": [{"url": "u", "value": {"string": "s"}}], "characteristic": [{"code": {"text": "k"}, "value": {"boolean": true}, "exclude": false}], "member": [{"inactive": true}]}')`)
	members := func(document string) []string {
		var resource map[string]any
		require.NoError(t, json.Unmarshal([]byte(document), &resource))
		return slices.Sorted(maps.Keys(resource))
	}
	var set struct {
		Entry []struct{ Resource json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(b.Get(t, "/fhir/Group").Text), &set))
	whole := members(b.Get(t, "/fhir/Group/g").Text)
	require.Contains(t, whole, "member")
	require.Equal(t, slices.DeleteFunc(whole, func(name string) bool { return name == "member" }), members(string(set.Entry[0].Resource)))
}

// A page ends early where Groups are large, and nothing is lost of them.
func TestLargeGroups(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Group")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) SELECT 'g-' || n, n, 'created', jsonb_build_object('name', repeat(md5(n::text), 300000)) FROM generate_series(1, 4) AS n`)
	var all []string
	pages := 0
	for next := "/fhir/Group"; next != ""; pages++ {
		var ids []string
		ids, next = b.searchGroups(t, next)
		all = append(all, ids...)
	}
	require.Equal(t, []string{"g-1", "g-2", "g-3", "g-4"}, all)
	require.Equal(t, 4, pages)
}

// TestGroupsOfOneClient: a client that reads Groups slowly does not use the share of
// others.
func TestGroupsOfOneClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Group")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES
		('small', 1, 'created', '{}'),
		('large', 2, 'created', (SELECT jsonb_build_object('name', string_agg(md5(n::text), '')) FROM generate_series(1, 1000000) AS n))`)
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	for range 3 {
		slow, err := b.HTTP.Do(b.Request(t, http.MethodGet, "/fhir/Group/large"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = slow.Body.Close() })
		require.Equal(t, http.StatusOK, slow.StatusCode)
	}
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/small"), http.StatusTooManyRequests, "throttled", "")
	request := b.Request(t, http.MethodGet, "/fhir/Group/small")
	request.SetBasicAuth("other", "other-secret")
	others, err := b.HTTP.Do(request)
	require.NoError(t, err)
	require.NoError(t, others.Body.Close())
	require.Equal(t, http.StatusOK, others.StatusCode)
}

func TestGroupsByScope(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs"}))
	for _, target := range []string{"/fhir/Group", "/fhir/Group/ward"} {
		request := b.Request(t, http.MethodGet, target)
		request.SetBasicAuth("narrow", "narrow-secret")
		apitest.RequireRefusal(t, b.Do(t, request), http.StatusForbidden, "forbidden", "")
		request.Header.Del("Authorization")
		apitest.RequireRefusal(t, b.Do(t, request), http.StatusUnauthorized, "login", "")
	}
}

// A row that is not a resource is no Group, and does not break the search.
func TestGroupThatIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Group")
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES ('a', 1, 'created', '17'), ('b', 2, 'created', '{"type": "person"}'), ('c', 3, 'created', '[1]'), ('d', 4, 'created', '{"type": "person"}')`)
	ids, next := b.searchGroups(t, "/fhir/Group?_count=1")
	require.Equal(t, []string{"b"}, ids)
	ids, next = b.searchGroups(t, next)
	require.Equal(t, []string{"d"}, ids)
	require.Empty(t, next)
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/a"), http.StatusNotFound, "not-found", "")
}
