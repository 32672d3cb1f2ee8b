package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-90096f4d/sluice/load"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// database is a new database with connections for queries.
type database struct {
	url  string
	conn *pgxpool.Pool
}

func newDatabase(t testing.TB) *database {
	t.Helper()
	url := sourcetest.Database(t)
	conn, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return &database{url, conn}
}

// load loads the files and requires success.
func (db *database) load(t testing.TB, opts load.Options, paths ...string) load.Summary {
	t.Helper()
	summary, err := load.Files(t.Context(), db.url, paths, opts)
	require.NoError(t, err)
	return summary
}

// loadLines loads a file with these lines, in Aidbox format.
func (db *database) loadLines(t testing.TB, lines ...string) load.Summary {
	t.Helper()
	return db.load(t, load.Options{Format: load.Aidbox}, writeLines(t, "data.ndjson", lines...))
}

// text returns the result of a query as text.
func (db *database) text(t testing.TB, sql string, args ...any) string {
	t.Helper()
	var text string
	require.NoError(t, db.conn.QueryRow(t.Context(), sql, args...).Scan(&text))
	return text
}

// rows returns the rows of a query as text.
func (db *database) rows(t testing.TB, sql string, args ...any) []string {
	t.Helper()
	rows, err := db.conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return texts
}

// eventually waits until a query returns true.
func (db *database) eventually(t testing.TB, sql, message string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var answer bool
		err := db.conn.QueryRow(t.Context(), sql).Scan(&answer)
		return err == nil && answer
	}, 2*time.Minute, 10*time.Millisecond, message)
}

// writeLines writes lines to a file in a new folder.
func writeLines(t testing.TB, name string, lines ...string) string {
	t.Helper()
	return writeFile(t, name, strings.Join(lines, "\n")+"\n")
}

func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
