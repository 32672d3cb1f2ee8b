package apitest

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Outcome is a FHIR OperationOutcome.
type Outcome struct {
	ResourceType string
	Issue        []struct {
		Severity, Code, Diagnostics string
		Expression                  []string
	}
}

// RequireRefusal checks that the response is an OperationOutcome with one error of
// that code about that parameter ("" for none), and returns its text.
func RequireRefusal(t *testing.T, got Answer, status int, code, parameter string) string {
	t.Helper()
	require.Equal(t, status, got.StatusCode, got.Text)
	require.Equal(t, "application/fhir+json", got.Header.Get("Content-Type"))
	var found Outcome
	require.NoError(t, json.Unmarshal([]byte(got.Text), &found), got.Text)
	require.Equal(t, "OperationOutcome", found.ResourceType)
	require.Len(t, found.Issue, 1)
	require.Equal(t, "error", found.Issue[0].Severity)
	require.Equal(t, code, found.Issue[0].Code)
	require.NotEmpty(t, found.Issue[0].Diagnostics)
	if parameter == "" {
		require.Empty(t, found.Issue[0].Expression)
	} else {
		require.Equal(t, []string{parameter}, found.Issue[0].Expression)
	}
	return found.Issue[0].Diagnostics
}

// RequireThrottled requires status 429 with Retry-After.
func RequireThrottled(t *testing.T, got Answer) {
	t.Helper()
	RequireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
	wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
}

// LookPath returns the path of an optional program, or skips the test.
func LookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}
