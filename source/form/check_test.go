package form

import (
	"encoding/binary"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// samples returns the known documents as the server sends them.
func samples(t *testing.T) []sample {
	t.Helper()
	databaseURL := sourcetest.Database(t)
	sourcetest.CreateCast(t, databaseURL)
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	rows, err := conn.Query(t.Context(), documentsSQL, documents)
	require.NoError(t, err)
	samples, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sample])
	require.NoError(t, err)
	return samples
}

// The known documents have values of every type, and numbers with both headers, so that
// a server that stores one of them differently is detected.
func TestDocuments(t *testing.T) {
	t.Parallel()
	require.Len(t, samples(t), len(documents))
	for i, s := range samples(t) {
		require.True(t, s.isEqual(), documents[i])
	}
}

// A server that stores documents differently, such as in the other byte order, is
// detected.
func TestUnknownForms(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(stored []byte){
		"BigEndian": func(stored []byte) {
			for ; len(stored) >= 4; stored = stored[4:] {
				binary.BigEndian.PutUint32(stored, binary.LittleEndian.Uint32(stored))
			}
		},
		"OtherByte": func(stored []byte) { stored[len(stored)-1]++ },
		"Header":    func(stored []byte) { stored[3] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := samples(t)
			equal := 0
			for _, s := range all {
				change(s.Stored)
				if s.isEqual() {
					equal++
				}
			}
			require.Less(t, equal, len(all))
		})
	}
}
