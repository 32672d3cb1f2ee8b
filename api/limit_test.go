package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
)

// TestTooManyDumps: what is too much is refused at once, and dumps that run are
// not disturbed.
func TestTooManyDumps(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Dumps = 2 })
	open := b.gate(t)

	_, first := b.begin(t, "/Patient/$dump")
	gone, _ := b.begin(t, "/Patient/$dump")

	got := b.get(t, "/Patient/$dump")
	requireRefusal(t, got, http.StatusTooManyRequests, "throttled", "")
	require.Equal(t, "5", got.Header.Get("Retry-After"))
	require.Equal(t, http.StatusAccepted, b.get(t, "/Patient/$dump", "Prefer", "respond-async").StatusCode, "an export waits its turn")
	requireRefusal(t, b.get(t, "/Patient/$dump?fhir=maybe"), http.StatusBadRequest, "invalid", "fhir")

	// A place is free again when a client leaves, and when a dump ends.
	require.NoError(t, gone.Body.Close())
	var second *http.Response
	require.Eventually(t, func() bool {
		var err error
		second, err = b.http.Do(b.request(t, http.MethodGet, "/Patient/$dump"))
		if err != nil || second.StatusCode == http.StatusOK {
			return err == nil
		}
		return second.Body.Close() != nil
	}, patience, tick)
	open()
	requireRest(t, first)
	requireRest(t, second.Body)
	require.NoError(t, second.Body.Close())
	require.Equal(t, http.StatusOK, b.get(t, "/Patient/$dump").StatusCode)
}
