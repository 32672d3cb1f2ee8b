package api_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestDatabaseRestart: no request fails because the databases have closed the pooled
// connections since the last one, as a restart or a failover does.
func TestDatabaseRestart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	admin, err := pgx.ConnectConfig(t.Context(), b.DB.Config().ConnConfig)
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(t.Context()) })
	id := b.KickOff(t, "/fhir/$export?_type=Patient").ID.String()

	targets := map[string]int{
		"/Patient/$dump":                           http.StatusOK,
		"/fhir/Group":                              http.StatusOK,
		"/fhir/Group/unknown/$export":              http.StatusNotFound,
		"/fhir/$export?_type=Patient":              http.StatusAccepted,
		"/fhir/Patient/$export?patient=pt-unknown": http.StatusBadRequest,
		"/fhir/$export-status/" + id:               http.StatusAccepted,
	}
	ask := func() {
		var asking sync.WaitGroup
		for target, want := range targets {
			asking.Go(func() {
				got := b.Get(t, target)
				if got.StatusCode != want {
					t.Errorf("%s: %s %s", target, got.Status, got.Text)
				}
			})
		}
		asking.Wait()
	}
	for range 5 {
		ask()
		_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		require.NoError(t, err)
	}
	ask()
}
