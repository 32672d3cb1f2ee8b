package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	credentials := map[string]func(*http.Request){
		"None":          func(r *http.Request) { r.Header.Del("Authorization") },
		"WrongSecret":   func(r *http.Request) { r.SetBasicAuth(apitest.ClientID, "Secret") },
		"EmptySecret":   func(r *http.Request) { r.SetBasicAuth(apitest.ClientID, "") },
		"UnknownClient": func(r *http.Request) { r.SetBasicAuth("nobody", apitest.ClientSecret) },
		"EmptyClient":   func(r *http.Request) { r.SetBasicAuth("", apitest.ClientSecret) },
		"NULInClient":   func(r *http.Request) { r.SetBasicAuth(apitest.ClientID+"\x00", apitest.ClientSecret) },
		"NotBase64":     func(r *http.Request) { r.Header.Set("Authorization", "Basic ???") },
		"Bearer":        func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+apitest.ClientSecret) },
	}
	for _, target := range []string{
		"/Patient/$dump", "/Nonsense/$dump", "/fhir/$export", "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10",
	} {
		for name, set := range credentials {
			t.Run(name+target, func(t *testing.T) {
				t.Parallel()
				request := b.Request(t, http.MethodGet, target)
				set(request)
				got := b.Do(t, request)
				apitest.RequireRefusal(t, got, http.StatusUnauthorized, "login", "")
				require.Equal(t, `Basic realm="sluice", charset="UTF-8"`, got.Header.Get("WWW-Authenticate"))
			})
		}
	}
}

func TestRemovedClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	require.NoError(t, b.Clients.Remove(t.Context(), apitest.ClientID))
	apitest.RequireRefusal(t, b.Get(t, "/Patient/$dump"), http.StatusUnauthorized, "login", "")
}

func TestScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs", "system/Group.r"}))

	get := func(t *testing.T, target string) apitest.Answer {
		t.Helper()
		request := b.Request(t, http.MethodGet, target)
		request.SetBasicAuth("narrow", "narrow-secret")
		return b.Do(t, request)
	}
	require.Equal(t, apitest.AidboxLines["Patient"], get(t, "/Patient/$dump").Text)
	apitest.RequireRefusal(t, get(t, "/Appointment/$dump"), http.StatusForbidden, "forbidden", "type")
	apitest.RequireRefusal(t, get(t, "/Group/$dump"), http.StatusForbidden, "forbidden", "type")
	apitest.RequireRefusal(t, get(t, "/Observation/$dump"), http.StatusForbidden, "forbidden", "type")
	apitest.RequireRefusal(t, get(t, "/Nonsense/$dump"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, get(t, "/fhir/$export?_type=Patient,Appointment"), http.StatusForbidden, "forbidden", "_type")
}

// TestCustomType: a type that FHIR does not know has to be named by a scope.
func TestCustomType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Invention")
	b.Exec(t, `INSERT INTO invention (id, txid, status, resource) VALUES ('in-1', 1, 'created', '{}')`)
	require.NoError(t, b.Clients.Add(t.Context(), "inventor", "inventor-secret", []string{"system/Invention.rs"}))

	apitest.RequireRefusal(t, b.Get(t, "/Invention/$dump"), http.StatusForbidden, "forbidden", "type")

	request := b.Request(t, http.MethodGet, "/Invention/$dump")
	request.SetBasicAuth("inventor", "inventor-secret")
	require.Contains(t, b.Do(t, request).Text, `{"id": "in-1", `)
}
