package sql_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestPreconditions: If-Match and If-None-Match (RFC 9110, section 13.1).
func TestPreconditions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	put := func(headers ...string) apitest.Answer {
		headers = append(headers, "Content-Type", apitest.TypeFHIR)
		return b.Do(t, b.RequestWithBody(t, http.MethodPut, viewPath+"/pt", patientView, headers...))
	}
	remove := func(headers ...string) apitest.Answer {
		return b.Do(t, b.Request(t, http.MethodDelete, viewPath+"/pt", headers...))
	}
	failed := func(got apitest.Answer) {
		t.Helper()
		apitest.RequireRefusal(t, got, http.StatusPreconditionFailed, "conflict", "")
	}
	failed(put("If-Match", "*"))
	failed(put("If-Match", `W/"1"`))
	failed(remove("If-Match", "*"))
	require.Equal(t, http.StatusNoContent, remove("If-None-Match", "*").StatusCode)

	created := put("If-None-Match", "*")
	require.Equal(t, http.StatusCreated, created.StatusCode, created.Text)
	failed(put("If-None-Match", "*"))
	failed(remove("If-None-Match", "*"))
	first := created.Header.Get("ETag")
	updated := put("If-Match", first)
	require.Equal(t, http.StatusOK, updated.StatusCode, updated.Text)
	second := updated.Header.Get("ETag")
	require.NotEqual(t, first, second)
	failed(put("If-Match", first))
	failed(put("If-Match", "nonsense"))
	failed(put("If-Match", `W/"9223372036854775807"`))
	failed(remove("If-Match", first))
	updated = put("If-Match", first+", "+second[len("W/"):]) // also in the strong form
	require.Equal(t, http.StatusOK, updated.StatusCode, updated.Text)
	require.Equal(t, http.StatusOK, put("If-Match", "*").StatusCode)
	for _, got := range []apitest.Answer{put("If-None-Match", first), remove("If-None-Match", first)} {
		apitest.RequireRefusal(t, got, http.StatusBadRequest, "not-supported", "If-None-Match")
	}
	current := b.Get(t, viewPath+"/pt").Header.Get("ETag")
	require.Equal(t, http.StatusNoContent, remove("If-Match", current).StatusCode)
	failed(remove("If-Match", current))
	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.view_definition`))
}

// TestConcurrentPreconditions: of several clients that change the same version, one
// succeeds.
func TestConcurrentPreconditions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	race := func(header, value string) (statuses []int) {
		var answers []func() (apitest.Answer, error)
		for range 6 {
			answers = append(answers, b.Later(t, b.RequestWithBody(t, http.MethodPut, viewPath+"/pt", patientView, "Content-Type", apitest.TypeFHIR, header, value)))
		}
		for _, wait := range answers {
			got, err := wait()
			require.NoError(t, err)
			statuses = append(statuses, got.StatusCode)
		}
		slices.Sort(statuses)
		return statuses
	}
	for range 5 {
		require.Equal(t, []int{201, 412, 412, 412, 412, 412}, race("If-None-Match", "*"))
		require.Equal(t, []int{200, 412, 412, 412, 412, 412}, race("If-Match", b.Get(t, viewPath+"/pt").Header.Get("ETag")))
		require.Equal(t, http.StatusNoContent, b.Do(t, b.Request(t, http.MethodDelete, viewPath+"/pt")).StatusCode)
	}
}
