package dump_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// tablesSQL creates a table of several page ranges with large and changed rows, one with
// partitions, a view, and an empty table.
const tablesSQL = `
CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
	resource_type text DEFAULT 'Patient', status text, resource jsonb NOT NULL);
CREATE TABLE encounter (LIKE patient INCLUDING ALL);
CREATE TABLE observation (LIKE patient INCLUDING DEFAULTS) PARTITION BY HASH (id);
CREATE TABLE observation_0 PARTITION OF observation FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE observation_1 PARTITION OF observation FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO patient (id, txid, cts, resource) SELECT 'pt-' || n, n, '2025-01-01Z'::timestamptz + n * interval '1 minute',
	jsonb_build_object('gender', (ARRAY['male', 'female'])[1 + n % 2], 'birthDate', '1970-01-01', 'name', jsonb_build_array(jsonb_build_object('family', repeat(md5(n::text), 1 + n % 20))))
	FROM generate_series(1, 4000) AS n;
UPDATE patient SET txid = txid + 10000, resource = resource || '{"active": true, "n": 1.50, "text": "日本\n\"\u2028"}' WHERE txid % 7 = 0;
UPDATE patient SET resource = resource || jsonb_build_object('large', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 5000) AS n)) WHERE txid % 1000 = 0;
INSERT INTO observation (id, txid, resource) SELECT 'ob-' || n, n, jsonb_build_object('status', 'final', 'value', jsonb_build_object('Quantity', jsonb_build_object('value', n)))
	FROM generate_series(1, 3000) AS n;
CREATE VIEW device AS SELECT 'd' || id AS id, txid, ts, cts, resource FROM patient WHERE txid < 100;
ANALYZE;`

// types are the types of tablesSQL.
var types = []string{"Observation", "Patient", "Encounter", "Device"}

// oracleSQL returns the expected lines of a table, built and printed by PostgreSQL.
const oracleSQL = `SELECT (resource || jsonb_build_object('id', id, 'resourceType', $1::text, 'meta', jsonb_build_object('versionId', txid,
	'lastUpdated', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
	'createdAt', to_char(cts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))::text FROM `

// fixture is a database with the tables of tablesSQL.
type fixture struct {
	url string
	db  *pgx.Conn
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{url: sourcetest.Database(t)}
	var err error
	f.db, err = pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.db.Close(context.Background()) }) // the test's context is over
	f.exec(t, tablesSQL)
	return f
}

func (f *fixture) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := f.db.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// open returns the source in a form of jsonb.
func (f *fixture) open(t *testing.T, mode form.Mode) *source.Source {
	t.Helper()
	return open(t, source.Config{URL: f.url, JSONB: mode})
}

func open(t *testing.T, config source.Config) *source.Source {
	t.Helper()
	config.ResourceTypes = fhir.R4().ResourceTypes()
	from, err := source.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(from.Close)
	return from
}

// asRole returns the URL of the database with the privileges of a new role.
func (f *fixture) asRole(t *testing.T) (role, roleURL string) {
	t.Helper()
	role = "sluice_test_" + strings.ToLower(rand.Text())
	f.exec(t, `CREATE ROLE `+role)
	t.Cleanup(func() { sourcetest.Execute(t, f.url, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	u, err := url.Parse(f.url)
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", "-crole="+role)
	u.RawQuery = query.Encode()
	return role, u.String()
}

// lines returns the expected lines of a type, in the order of the table's pages, with an
// optional condition.
func (f *fixture) lines(t *testing.T, resourceType, where string) []string {
	t.Helper()
	table := strings.ToLower(resourceType)
	order := " ORDER BY tableoid::regclass::text, ctid"
	if resourceType == "Device" {
		order = ""
	}
	rows, err := f.db.Query(t.Context(), oracleSQL+table+where+order, resourceType)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}

// small returns options with which small tables have several ranges and parts.
func small(jobs int) dump.Options {
	return dump.Options{
		Types: types, Jobs: jobs, RangeBytes: 32 << 10, PartBytes: 100 << 10,
		Progress: &recorder{}, Warn: func(string) {}, Request: "sluice dump Patient",
	}
}

// recorder records progress.
type recorder struct {
	mu                 sync.Mutex
	total, bytes, rows int64
	parts, ended       int
	onTotal            func()
	onBegin            func()
}

func (r *recorder) Total(bytes int64, parts int) {
	r.total, r.parts = bytes, parts
	if r.onTotal != nil {
		r.onTotal()
	}
}

func (r *recorder) Begin(string, int64) dump.Part {
	if r.onBegin != nil {
		r.onBegin()
	}
	return r
}

func (r *recorder) Add(bytes, resources int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += bytes
	r.rows += resources
}

func (r *recorder) End(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.ended++
	}
}

// folder returns an output to a new folder.
func folder(t *testing.T) (string, output.Output) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	out, err := output.Directory(path)
	require.NoError(t, err)
	return path, out
}

// names returns the names of the files in a folder.
func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// read returns the lines of a file.
func read(t *testing.T, folder, name string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	if strings.HasSuffix(name, ".gz") {
		return split(gunzip(t, content))
	}
	return split(content)
}

// gunzip decompresses with the standard library, which is not what compresses.
func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return plain
}

func split(plain []byte) []string {
	if len(plain) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(plain), "\n"), "\n")
}

// requireSame compares lines without their order.
func requireSame(t *testing.T, want, got []string, what ...any) {
	t.Helper()
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	require.Len(t, got, len(want), what...)
	for i := range want {
		require.Equal(t, want[i], got[i], what...)
	}
}

// filesOf returns the names of the files of a type, in order.
func filesOf(names []string, resourceType string) (found []string) {
	for _, name := range names {
		if strings.HasPrefix(name, resourceType+".") {
			found = append(found, name)
		}
	}
	return found
}

func describe(mode form.Mode, jobs int, gzip bool) string {
	return fmt.Sprintf("%s/%d/%v", mode, jobs, gzip)
}
