package api_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestCurl runs the commands of the README.
func TestCurl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	curl, gzip := apitest.LookPath(t, "curl"), apitest.LookPath(t, "gzip")
	credentials := apitest.ClientID + ":" + apitest.ClientSecret

	for query, want := range map[string]string{
		"":           apitest.AidboxLines["Patient"],
		"?fhir=true": fhirLines["Patient"],
	} {
		t.Run("Plain"+query, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "-u", credentials, b.URL+"/Patient/$dump"+query).Output()
			require.NoError(t, err)
			require.Equal(t, want, string(out))
		})
	}
	for query, want := range map[string]string{
		"?gzip=true":           apitest.AidboxLines["Patient"],
		"?fhir=true&gzip=true": fhirLines["Patient"],
	} {
		t.Run("Unpacked"+query, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "--compressed", "-u", credentials, b.URL+"/Patient/$dump"+query).Output()
			require.NoError(t, err)
			require.Equal(t, want, string(out))
		})
		t.Run("Packed"+query, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "Patient.ndjson.gz")
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "-o", file, "-u", credentials, b.URL+"/Patient/$dump"+query).CombinedOutput()
			require.NoError(t, err, "%s", out)
			out, err = exec.CommandContext(t.Context(), gzip, "-t", file).CombinedOutput()
			require.NoError(t, err, "%s", out)
			out, err = exec.CommandContext(t.Context(), gzip, "-dc", file).Output()
			require.NoError(t, err)
			require.Equal(t, want, string(out))
			require.Equal(t, 3, bytes.Count(out, []byte("\n")))
		})
	}
}
