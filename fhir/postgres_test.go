package fhir_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// stored prints documents as jsonb.
const stored = `SELECT $1::jsonb::text, $2::jsonb::text`

func connect(tb testing.TB) *pgx.Conn {
	tb.Helper()

	conn, err := pgx.Connect(tb.Context(), sourcetest.Database(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(tb.Context()) })
	return conn
}

// TestExamples converts every example resource of HL7's R4 publication from FHIR to
// Aidbox format, through PostgreSQL, and back. The oracle is what PostgreSQL prints for
// the original and for the result, which must be identical. This ignores only what
// jsonb itself does not preserve: white space, the order of keys, all but the last of
// duplicate keys, and the notation of characters and of numbers with an exponent.
func TestExamples(t *testing.T) {
	t.Parallel()

	if testing.Short() {
		t.Skip("takes half a minute")
	}
	dir := filepath.Join(dataDir(t), "r4-examples")
	conn := connect(t)
	issue := func(issue fhir.Issue) {
		// Some examples have references with an element id: they stay as they are.
		require.Equal(t, "a reference with an element id", issue.Reason, issue.Path)
	}
	c := fhir.NewConverter(fhir.R4(), fhir.Options{Issue: issue})

	count := 0
	eachResource(t, dir, func(file string, doc []byte) {
		count++
		throughPostgres(t, conn, c, file, doc)
	})
	require.Equal(t, 5305, count)
}

// throughPostgres converts a FHIR document to Aidbox format, through PostgreSQL, and
// back.
func throughPostgres(t *testing.T, conn *pgx.Conn, c *fhir.Converter, file string, doc []byte) {
	t.Helper()

	aidbox, err := c.AppendAidbox(nil, doc)
	require.NoError(t, err, file)
	var kept, want, got, same []byte
	require.NoError(t, conn.QueryRow(t.Context(), stored, aidbox, doc).Scan(&kept, &want))

	back := c.AppendFHIR(nil, kept)
	require.NoError(t, conn.QueryRow(t.Context(), stored, back, "{}").Scan(&got, &same))
	if !bytes.Equal(want, got) { // require.Equal alone is slow on big documents
		require.Equal(t, string(want), string(got), file)
	}
	if twice := c.AppendFHIR(nil, back); !bytes.Equal(back, twice) {
		require.Equal(t, string(back), string(twice), file)
	}
}
