package api_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/source"
)

// setupMany is setup with a large table and a server whose dumps read it by
// several connections.
func setupMany(t *testing.T) *testBundle {
	t.Helper()
	b := setup(t)
	b.large(t, largeRows, largeSize)
	many, err := source.Open(t.Context(), source.Config{
		URL: asReader(t, b.db.Config().ConnString()), MaxConns: sourceConns + 2, RowSecurity: true, Spares: 2, ShareBytes: 1 << 20,
	})
	require.NoError(t, err)
	t.Cleanup(many.Close)
	b.config.Source = many
	b.serve(t, api.New(b.config))
	return b
}

// beginMany asks for the target and returns the answer when several readers are
// at work on it.
func (b *testBundle) beginMany(t *testing.T, target string) (*http.Response, io.Reader) {
	t.Helper()
	response, body := b.begin(t, target)
	require.Eventually(t, func() bool { return len(b.readers(t)) > 1 }, patience, tick)
	return response, body
}

func TestManyReaders(t *testing.T) {
	t.Parallel()

	t.Run("Whole", func(t *testing.T) {
		t.Parallel()
		b := setupMany(t)
		_, body := b.beginMany(t, "/Patient/$dump")
		plain, err := io.ReadAll(body)
		require.NoError(t, err)
		got := slices.Sorted(strings.Lines(string(plain)))

		b.config.Source = b.source
		b.serve(t, api.New(b.config))
		want := slices.Sorted(strings.Lines(b.get(t, "/Patient/$dump").body))
		require.Len(t, want, largeRows)
		require.True(t, slices.Equal(want, got))
	})

	t.Run("Broken", func(t *testing.T) {
		t.Parallel()
		b := setupMany(t)
		for _, query := range []string{"", "?gzip=true"} {
			_, body := b.beginMany(t, "/Patient/$dump"+query)
			b.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE pid = ANY ($1) AND state = 'active' ORDER BY pid DESC LIMIT 1`, b.readers(t))
			_, err := io.Copy(io.Discard, body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			b.requireNoReaders(t)
		}
		require.Equal(t, http.StatusOK, b.get(t, "/Patient/$dump").StatusCode)
	})

	t.Run("ClientGone", func(t *testing.T) {
		t.Parallel()
		b := setupMany(t)
		response, _ := b.beginMany(t, "/Patient/$dump")
		require.NoError(t, response.Body.Close())
		b.requireNoReaders(t)
		require.NotContains(t, b.logs.String(), `"level":"ERROR"`)
	})
}
