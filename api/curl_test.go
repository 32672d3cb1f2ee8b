package api_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCurl does what the README tells people to.
func TestCurl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)
	curl, gzip := lookPath(t, "curl"), lookPath(t, "gzip")
	credentials := clientID + ":" + clientSecret

	for query, want := range map[string]string{
		"":           aidboxLines["Patient"],
		"?fhir=true": fhirLines["Patient"],
	} {
		t.Run("Plain"+query, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "-u", credentials, b.url+"/Patient/$dump"+query).Output()
			require.NoError(t, err)
			require.Equal(t, want, string(out))
		})
	}
	for query, want := range map[string]string{
		"?gzip=true":           aidboxLines["Patient"],
		"?fhir=true&gzip=true": fhirLines["Patient"],
	} {
		t.Run("Unpacked"+query, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "--compressed", "-u", credentials, b.url+"/Patient/$dump"+query).Output()
			require.NoError(t, err)
			require.Equal(t, want, string(out))
		})
		t.Run("Packed"+query, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "Patient.ndjson.gz")
			out, err := exec.CommandContext(t.Context(), curl, "-sSf", "-o", file, "-u", credentials, b.url+"/Patient/$dump"+query).CombinedOutput()
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

// lookPath finds a program that the test can do without.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}
