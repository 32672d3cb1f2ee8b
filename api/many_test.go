package api_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/source"
)

// setupMany is setup with a large table and a server whose dumps read it by
// several connections.
func setupMany(t *testing.T) *testBundle {
	t.Helper()
	b := setup(t)
	b.large(t, largeRows, largeSize)
	many, err := source.Open(t.Context(), source.Config{
		URL: apitest.AsReader(t, b.DB.Config().ConnString()), MaxConns: apitest.SourceConns + 2, RowSecurity: true, Spares: 2, BytesPerReader: 1 << 20,
	})
	require.NoError(t, err)
	t.Cleanup(many.Close)
	b.Config.Source = many
	b.Serve(t, api.New(b.Config))
	return b
}

// beginMany sends a request and returns the response when several readers work on it.
func (b *testBundle) beginMany(t *testing.T, target string) (*http.Response, io.Reader) {
	t.Helper()
	response, body := b.begin(t, target)
	require.Eventually(t, func() bool { return len(b.readers(t)) > 1 }, apitest.Patience, apitest.Tick)
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

		b.Config.Source = b.Source
		b.Serve(t, api.New(b.Config))
		want := slices.Sorted(strings.Lines(b.Get(t, "/Patient/$dump").Text))
		require.Len(t, want, largeRows)
		require.True(t, slices.Equal(want, got))
	})

	t.Run("Broken", func(t *testing.T) {
		t.Parallel()
		b := setupMany(t)
		for _, query := range []string{"", "?gzip=true"} {
			_, body := b.beginMany(t, "/Patient/$dump"+query)
			b.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE pid = ANY ($1) AND state = 'active' ORDER BY pid DESC LIMIT 1`, b.readers(t))
			_, err := io.Copy(io.Discard, body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			b.requireNoReaders(t)
		}
		require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	})

	t.Run("ClientGone", func(t *testing.T) {
		t.Parallel()
		b := setupMany(t)
		response, _ := b.beginMany(t, "/Patient/$dump")
		require.NoError(t, response.Body.Close())
		b.requireNoReaders(t)
		require.NotContains(t, b.Logs.String(), `"level":"ERROR"`)
	})
}
