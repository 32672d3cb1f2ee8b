package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// If the cast is dropped, the next dump is refused, and the one after it reads text. The
// lines are the same in both forms.
func TestCastDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sourcetest.CreateCast(t, b.DB.Config().ConnString())
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('a', 1, 'created', '{"name": [{"family": "日本\n\"", "n": 1.50}]}')`)
	want := b.Get(t, "/Patient/$dump")
	require.Equal(t, http.StatusOK, want.StatusCode)
	require.Contains(t, want.Text, `{"id": "a",`)
	require.True(t, b.Source.Form().Stored)

	b.Exec(t, `DROP CAST (jsonb AS bytea)`)
	refused := b.Get(t, "/Patient/$dump")
	require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	require.NotEmpty(t, refused.Header.Get("Retry-After"))
	require.Equal(t, want.Text, b.Get(t, "/Patient/$dump").Text)
	require.False(t, b.Source.Form().Stored)
}
