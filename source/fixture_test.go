package source_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// commitMargin is the margin of the fixture's source.
const commitMargin = 5 * time.Minute

// fixture is a database, a Source that reads it, and a connection that changes it.
type fixture struct {
	url    string
	source *source.Source
	db     *pgx.Conn
}

func newFixture(t testing.TB, setup string) fixture {
	t.Helper()
	databaseURL := sourcetest.Database(t)
	db := connect(t, databaseURL)
	_, err := db.Exec(t.Context(), setup)
	require.NoError(t, err)
	return fixture{url: databaseURL, source: open(t, source.Config{URL: databaseURL, CommitMargin: commitMargin}), db: db}
}

func open(t testing.TB, cfg source.Config) *source.Source {
	t.Helper()
	s, err := source.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func connect(t testing.TB, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// as returns the database's URL with another user.
func as(t *testing.T, databaseURL, user string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	u.User = url.UserPassword(user, "secret")
	return u.String()
}

func (f fixture) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (f fixture) table(t testing.TB, resourceType string) catalog.Table {
	t.Helper()
	table, err := f.source.Table(t.Context(), resourceType)
	require.NoError(t, err)
	return table
}

func (f fixture) snapshot(t *testing.T) *source.Snapshot {
	t.Helper()
	sn, err := f.source.OpenSnapshot(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = sn.Close(context.Background()) })
	return sn
}

// ids returns the ids of a scan.
func (f fixture) ids(t *testing.T, scan source.Scan) []string {
	t.Helper()
	var ids []string
	err := eachRow(f.source.Scan(t.Context(), scan))(func(row *source.Row) error {
		ids = append(ids, string(row.ID))
		return nil
	})
	require.NoError(t, err)
	return ids
}

// aidbox returns the DDL of a table as Aidbox defines it, with its history.
func aidbox(name string) string {
	columns := `(id text, txid bigint NOT NULL, ts timestamptz DEFAULT current_timestamp,
		cts timestamptz DEFAULT current_timestamp, resource_type text, status text, resource jsonb NOT NULL, PRIMARY KEY `
	return `CREATE TABLE "` + name + `" ` + columns + `(id));
		CREATE TABLE "` + name + `_history" ` + columns + `(id, txid));`
}

// manyRows fills the table patient with rows of about 1 kB.
const manyRows = `INSERT INTO patient (id, txid, resource)
	SELECT 'pt-' || n, n, jsonb_build_object('text', repeat(md5(n::text), 30)) FROM generate_series(1, 5000) AS n`

// execute executes SQL on a connection of its own, even after the test has ended.
func execute(t *testing.T, databaseURL, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err)
}

// text returns the resource of a row as text.
func text(t *testing.T, row *source.Row) string {
	t.Helper()
	text, err := row.AppendText(nil)
	require.NoError(t, err)
	return string(text)
}

// eachRow calls fn for each row until it fails, and closes the rows.
func eachRow(rows *source.Rows, err error) func(fn func(*source.Row) error) error {
	return func(fn func(*source.Row) error) error {
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := fn(rows.Row()); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// eachID calls fn for each id until it fails, and closes the ids.
func eachID(ids *source.IDs, err error) func(fn func(id []byte) error) error {
	return func(fn func(id []byte) error) error {
		if err != nil {
			return err
		}
		defer ids.Close()
		for ids.Next() {
			if err := fn(ids.ID()); err != nil {
				return err
			}
		}
		return ids.Err()
	}
}

// scanAt scans under an imported snapshot.
func scanAt(ctx context.Context, s *source.Source, snapshotID string, scan source.Scan, fn func(*source.Row) error) error {
	reader, err := s.OpenReader(ctx, snapshotID)
	if err != nil {
		return err
	}
	defer reader.Close(ctx)
	return eachRow(reader.Scan(ctx, scan))(fn)
}
