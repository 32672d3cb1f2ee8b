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

// TestOtherEncoding: strings cannot be searched in a source database that is not UTF8,
// and the refusal names that reason.
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
	b.Config.Source = latin
	b.Serve(t, api.New(b.Config))

	refused := b.Get(t, "/fhir/Group?name=diabetes")
	require.Equal(t, http.StatusBadRequest, refused.StatusCode)
	require.Contains(t, refused.Text, "the encoding of the database lacks characters that the request needs; searching strings requires UTF8")
	require.Equal(t, http.StatusOK, b.Get(t, "/fhir/Group").StatusCode)
}
