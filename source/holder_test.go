package source

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// The connection that holds a snapshot idles as long as the export takes.
func TestHolderHasNoTimeouts(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{URL: sourcetest.Database(t) + "&idle_in_transaction_session_timeout=12345"})
	require.NoError(t, err)
	defer s.Close()
	sn, err := s.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, sn.Close(t.Context())) }()

	var timeout string
	require.NoError(t, sn.conn.QueryRow(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&timeout))
	require.Equal(t, "0", timeout)
}
