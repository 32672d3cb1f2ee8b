package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRowSecurity: a table of which row-level security hides rows from the server is
// refused with that reason, by dumps and kick-offs.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)
	b.exec(t, `ALTER TABLE patient ENABLE ROW LEVEL SECURITY`)
	const reason = "table patient cannot be read: row-level security hides rows of it from the database role of the server"

	dump := b.get(t, "/Patient/$dump")
	require.Equal(t, http.StatusInternalServerError, dump.StatusCode)
	require.Contains(t, dump.body, reason)
	kickOff := b.get(t, "/fhir/$export?_type=Patient")
	require.Equal(t, http.StatusBadRequest, kickOff.StatusCode)
	require.Contains(t, kickOff.body, reason)
}
