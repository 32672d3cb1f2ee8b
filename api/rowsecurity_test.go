package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/source"
)

// TestRowSecurity: a table of which row-level security hides rows from the server is
// refused with that reason, by dumps and kick-offs.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	strict, err := source.Open(t.Context(), source.Config{URL: apitest.AsReader(t, b.DB.Config().ConnString())})
	require.NoError(t, err)
	t.Cleanup(strict.Close)
	b.Config.Source = strict
	b.Serve(t, api.New(b.Config))
	b.Exec(t, `ALTER TABLE patient ENABLE ROW LEVEL SECURITY`)
	const reason = "table patient cannot be read: row-level security hides rows of it from the database role of the server"

	dump := b.Get(t, "/Patient/$dump")
	require.Equal(t, http.StatusInternalServerError, dump.StatusCode)
	require.Contains(t, dump.Text, reason)
	kickOff := b.Get(t, "/fhir/$export?_type=Patient")
	require.Equal(t, http.StatusBadRequest, kickOff.StatusCode)
	require.Contains(t, kickOff.Text, reason)
}
