package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)

	credentials := map[string]func(*http.Request){
		"None":          func(r *http.Request) { r.Header.Del("Authorization") },
		"WrongSecret":   func(r *http.Request) { r.SetBasicAuth(clientID, "Secret") },
		"EmptySecret":   func(r *http.Request) { r.SetBasicAuth(clientID, "") },
		"UnknownClient": func(r *http.Request) { r.SetBasicAuth("nobody", clientSecret) },
		"EmptyClient":   func(r *http.Request) { r.SetBasicAuth("", clientSecret) },
		"NULInClient":   func(r *http.Request) { r.SetBasicAuth(clientID+"\x00", clientSecret) },
		"NotBase64":     func(r *http.Request) { r.Header.Set("Authorization", "Basic ???") },
		"Bearer":        func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+clientSecret) },
	}
	for _, target := range []string{
		"/Patient/$dump", "/Nonsense/$dump", "/fhir/$export", "/fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10",
	} {
		for name, set := range credentials {
			t.Run(name+target, func(t *testing.T) {
				t.Parallel()
				request := b.request(t, http.MethodGet, target)
				set(request)
				got := b.do(t, request)
				requireRefusal(t, got, http.StatusUnauthorized, "login", "")
				require.Equal(t, `Basic realm="sluice", charset="UTF-8"`, got.Header.Get("WWW-Authenticate"))
			})
		}
	}
}

func TestRemovedClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)

	require.Equal(t, http.StatusOK, b.get(t, "/Patient/$dump").StatusCode)
	require.NoError(t, b.clients.Remove(t.Context(), clientID))
	requireRefusal(t, b.get(t, "/Patient/$dump"), http.StatusUnauthorized, "login", "")
}

func TestScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)
	require.NoError(t, b.clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs", "system/Group.r"}))

	get := func(t *testing.T, target string) answer {
		t.Helper()
		request := b.request(t, http.MethodGet, target)
		request.SetBasicAuth("narrow", "narrow-secret")
		return b.do(t, request)
	}
	require.Equal(t, aidboxLines["Patient"], get(t, "/Patient/$dump").body)
	requireRefusal(t, get(t, "/Appointment/$dump"), http.StatusForbidden, "forbidden", "type")
	requireRefusal(t, get(t, "/Group/$dump"), http.StatusForbidden, "forbidden", "type")
	requireRefusal(t, get(t, "/Observation/$dump"), http.StatusForbidden, "forbidden", "type")
	requireRefusal(t, get(t, "/Nonsense/$dump"), http.StatusNotFound, "not-found", "")
	requireRefusal(t, get(t, "/fhir/$export?_type=Patient,Appointment"), http.StatusForbidden, "forbidden", "_type")
}

// TestCustomType: a type that FHIR does not know has to be named by a scope.
func TestCustomType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.aidbox(t, "Invention")
	b.exec(t, `INSERT INTO invention (id, txid, status, resource) VALUES ('in-1', 1, 'created', '{}')`)
	require.NoError(t, b.clients.Add(t.Context(), "inventor", "inventor-secret", []string{"system/Invention.rs"}))

	requireRefusal(t, b.get(t, "/Invention/$dump"), http.StatusForbidden, "forbidden", "type")

	request := b.request(t, http.MethodGet, "/Invention/$dump")
	request.SetBasicAuth("inventor", "inventor-secret")
	require.Contains(t, b.do(t, request).body, `{"id": "in-1", `)
}
