package load_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// TestClientEncoding: text is loaded correctly whatever client encoding the database
// sets.
func TestClientEncoding(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	_, err := db.conn.Exec(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database());
		EXECUTE format('ALTER DATABASE %I SET datestyle = "German, DMY"', current_database());
		EXECUTE format('ALTER DATABASE %I SET timezone = "Asia/Kathmandu"', current_database());
	END $$`)
	require.NoError(t, err)
	file := writeLines(t, "p.ndjson", `{"resourceType":"Patient","id":"p","meta":{"lastUpdated":"2020-03-04T05:06:07Z"},"name":[{"family":"Jörg €"}]}`)
	db.load(t, load.Options{KeepTimes: true}, file)
	require.Equal(t, "Jörg €", db.text(t, `SELECT resource#>>'{name,0,family}' FROM patient`))
	require.Equal(t, "true", db.text(t, `SELECT (ts = '2020-03-04 05:06:07Z')::text FROM patient`))
}

// TestDatabaseEncoding: in a database with another encoding, the error names a line
// that cannot be converted. SQL_ASCII is rejected.
func TestDatabaseEncoding(t *testing.T) {
	t.Parallel()
	address := sourcetest.DatabaseIn(t, "LATIN1")
	good := writeLines(t, "p.ndjson", `{"resourceType":"Patient","id":"p","name":[{"family":"Jörg"}]}`)
	_, err := load.Files(t.Context(), address, []string{good}, load.Options{})
	require.NoError(t, err)
	bad := writeLines(t, "q.ndjson", `{"resourceType":"Patient","id":"q"}`, `{"resourceType":"Patient","id":"r","name":[{"family":"Αθηνά"}]}`)
	_, err = load.Files(t.Context(), address, []string{bad}, load.Options{})
	var line *load.LineError
	require.ErrorAs(t, err, &line)
	require.EqualValues(t, 2, line.Line)

	_, err = load.Files(t.Context(), sourcetest.DatabaseIn(t, "SQL_ASCII"), []string{good}, load.Options{})
	require.ErrorIs(t, err, pgsession.ErrEncoding)
}
