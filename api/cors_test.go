package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.org"
	preflight := []string{"Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,prefer"}

	t.Run("Off", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.Equal(t, http.StatusMethodNotAllowed, b.Do(t, b.Request(t, http.MethodOptions, "/fhir/$export", preflight...)).StatusCode)
		require.Empty(t, b.Get(t, "/fhir/$export?_type=Patient", "Origin", origin).Header.Get("Access-Control-Allow-Origin"))
	})

	for _, allowed := range []string{origin, "*"} {
		t.Run(allowed, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(config *api.Config) { config.CORSOrigins = []string{"https://first.example.org", allowed} })

			asked := b.Request(t, http.MethodOptions, "/fhir/$export", preflight...)
			asked.Header.Del("Authorization") // browsers send none
			got := b.Do(t, asked)
			require.Equal(t, http.StatusNoContent, got.StatusCode)
			require.Equal(t, allowed, got.Header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, got.Header.Get("Access-Control-Allow-Headers"), "Prefer")
			require.Contains(t, got.Header.Get("Access-Control-Allow-Methods"), "DELETE")
			require.Empty(t, got.Header.Get("Access-Control-Allow-Credentials"))

			got = b.Get(t, "/fhir/$export?_type=Patient", "Origin", origin)
			require.Equal(t, http.StatusAccepted, got.StatusCode)
			require.Equal(t, allowed, got.Header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, got.Header.Get("Access-Control-Expose-Headers"), "Content-Location")
			require.Equal(t, allowed, b.Get(t, "/fhir/$export?x", "Origin", origin).Header.Get("Access-Control-Allow-Origin"), "refusals are to be read too")

			foreign := b.Get(t, "/health", "Origin", "https://evil.example.org").Header.Get("Access-Control-Allow-Origin")
			require.Equal(t, map[string]string{origin: "", "*": "*"}[allowed], foreign)
		})
	}
}
