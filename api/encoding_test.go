package api_test

import (
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// TestOtherEncoding: a source database that is not in UTF8 cannot be searched for
// strings, and the refusal says so instead of blaming the request's characters.
func TestOtherEncoding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	databaseURL := sourcetest.DatabaseIn(t, "LATIN1")
	db, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), `CREATE TABLE "group" (id text, txid bigint, ts timestamptz, resource jsonb)`)
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))
	latin, err := source.Open(t.Context(), source.Config{URL: databaseURL})
	require.NoError(t, err)
	t.Cleanup(latin.Close)
	b.config.Source = latin
	b.serve(t, api.New(b.config))

	refused := b.get(t, "/fhir/Group?name=diabetes")
	require.Equal(t, http.StatusBadRequest, refused.StatusCode)
	require.Contains(t, refused.body, "the request contains a character that the encoding of the database lacks; searching for it requires UTF8")
	require.Equal(t, http.StatusOK, b.get(t, "/fhir/Group").StatusCode)
}
