package sql_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestScopes: a view requires access to the type that it reads, and a stored one the right
// to read ViewDefinitions.
func TestScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	for name, c := range map[string]struct {
		scopes []string

		run, inline, export     int // of Patient
		read, search            int
		create, replace, remove int
	}{
		"allread":     {[]string{"system/*.rs"}, 200, 200, 202, 200, 200, 403, 403, 403},
		"all":         {[]string{"system/*.*"}, 200, 200, 202, 200, 200, 201, 200, 204},
		"patient":     {[]string{"system/Patient.rs"}, 403, 200, 403, 403, 403, 403, 403, 403},
		"views":       {[]string{"system/ViewDefinition.cruds"}, 403, 403, 403, 200, 200, 201, 200, 204},
		"viewswrite":  {[]string{"system/ViewDefinition.write"}, 403, 403, 403, 403, 403, 201, 200, 204},
		"viewsupdate": {[]string{"system/ViewDefinition.u"}, 403, 403, 403, 403, 403, 403, 200, 403},
		"both":        {[]string{"system/Patient.rs", "system/ViewDefinition.r"}, 200, 200, 202, 200, 403, 403, 403, 403},
		"othertype":   {[]string{"system/Observation.rs", "system/ViewDefinition.rs"}, 403, 403, 403, 200, 200, 403, 403, 403},
	} {
		as := b.as(t, name, nil, c.scopes...)
		do := func(want int, method, target, body string) {
			t.Helper()
			request := as(b.RequestWithBody(t, method, target, body, "Content-Type", apitest.TypeFHIR, "Prefer", "respond-async"))
			got := b.Do(t, request)
			require.Equal(t, want, got.StatusCode, "%s: %s %s: %s", name, method, target, got.Text)
			if want == http.StatusForbidden {
				require.Contains(t, issues(t, got)[0], "forbidden")
			}
		}
		do(c.run, http.MethodGet, runPatients, "")
		do(c.inline, http.MethodPost, runPath, apitest.Parameters(inline(patientView)))
		do(c.export, http.MethodPost, exportPath, apitest.Parameters(subject(reference("pt"))))
		do(c.read, http.MethodGet, viewPath+"/pt", "")
		do(c.search, http.MethodGet, viewPath, "")
		do(c.replace, http.MethodPut, viewPath+"/obs", observationView)
		do(c.create, http.MethodPut, viewPath+"/"+name, definition(name, "Patient"))
		do(c.remove, http.MethodDelete, viewPath+"/"+name, "")
	}
	got := b.Do(t, b.as(t, "two-lacks", nil, "system/Group.rs")(b.RequestWithBody(t, http.MethodPost, exportPath,
		apitest.Parameters(subject(reference("pt")), subject(inline(patientView))), "Content-Type", apitest.TypeFHIR, "Prefer", "respond-async")))
	require.Equal(t, []string{"forbidden subject[0].subjectReference", "forbidden subject[1].subjectResource"}, issues(t, got))
}

// TestGroupRestriction: a client that is restricted to Groups must name one of them.
func TestGroupRestriction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	b.Exec(t, `INSERT INTO "group" (id, txid, status, resource) VALUES ('other', 5, 'created', '{"type": "person", "actual": true}')`)
	as := b.as(t, "nurse", []string{"ward"}, "system/*.rs")
	for query, want := range map[string]int{
		"&group=ward": 200, "&group=ward&patient=pt-1": 200, "": 403, "&group=other": 403, "&patient=pt-1": 403, "&group=unknown": 403,
	} {
		require.Equal(t, want, b.Do(t, as(b.Request(t, http.MethodGet, runPatients+query))).StatusCode, query)
	}
	export := func(list ...string) int {
		request := b.RequestWithBody(t, http.MethodPost, exportPath, apitest.Parameters(append(list, subject(reference("pt")))...), "Content-Type", apitest.TypeFHIR, "Prefer", "respond-async")
		return b.Do(t, as(request)).StatusCode
	}
	require.Equal(t, http.StatusAccepted, export(`{"name":"group","valueString":"ward"}`))
	require.Equal(t, http.StatusForbidden, export())
	require.Equal(t, http.StatusForbidden, export(`{"name":"group","valueString":"other"}`))
	require.Equal(t, []any{"pt-1"}, ids(t, b.Do(t, as(b.Request(t, http.MethodGet, runPatients+"&group=ward&patient=pt-1")))))
	for _, patient := range []string{"pt-3", "nobody"} { // outside of the Group: unknown or not
		text := apitest.RequireRefusal(t, b.Do(t, as(b.Request(t, http.MethodGet, runPatients+"&group=ward&patient="+patient))), http.StatusBadRequest, "not-found", "patient")
		require.Contains(t, text, "Patient/"+patient+" is not a member of the Group")
		require.Equal(t, http.StatusBadRequest, export(`{"name":"group","valueString":"ward"}`, fmt.Sprintf(`{"name":"patient","valueString":%q}`, patient)))
	}
}

// TestExistence: a client that may not receive the rows does not learn which patients and
// Groups exist, whatever else is wrong.
func TestExistence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	requests := map[string]func(*http.Request) *http.Request{
		runPatients: b.as(t, "other", nil, "system/Observation.rs", "system/ViewDefinition.rs"),
		runPath + "?subjectReference=ViewDefinition/none": b.as(t, "views", nil, "system/ViewDefinition.rs"),
		runPatients + "&_limit=x":                         b.as(t, "nurse", []string{"ward"}, "system/*.rs"),
	}
	for target, as := range requests {
		get := func(query string) (int, []string) {
			got := b.Do(t, as(b.Request(t, http.MethodGet, target+query)))
			return got.StatusCode, issues(t, got)
		}
		for parameter, values := range map[string][]string{"patient": {"pt-1", "nobody"}, "group": {"ward", "none"}} {
			if strings.Contains(target, "_limit") && parameter == "group" {
				continue // the client may know of its Group
			}
			status, known := get("&" + parameter + "=" + values[0])
			gotStatus, unknown := get("&" + parameter + "=" + values[1])
			require.Equal(t, status, gotStatus, target)
			require.Equal(t, known, unknown, target)
		}
	}
	got := b.Do(t, requests[runPatients](b.Request(t, http.MethodGet, runPatients+"&patient=nobody")))
	require.Equal(t, http.StatusForbidden, got.StatusCode)
}

// TestNarrowedScopes: the status of an export is refused once its scopes do not cover it.
func TestNarrowedScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	_, status := b.kickOff(t, subject(reference("pt")))
	b.Exec(t, `UPDATE sluice.client SET scopes = '{system/Observation.rs}'`)
	require.Equal(t, http.StatusForbidden, b.Get(t, status).StatusCode)
}
