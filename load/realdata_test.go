package load_test

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

// publicData returns a folder of public FHIR data, which is too large for the
// repository: SLUICE_TEST_DATA, or a folder next to the repository.
func publicData(t *testing.T, name string) string {
	t.Helper()
	folder := filepath.Join(cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data")), name)
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no public FHIR data: %v", err)
	}
	return folder
}

func TestPublicDataLoadsWhole(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]struct {
		resources int64
		types     int
	}{
		"r4-examples": {5305, 140},
		"synthea-bds": {38472, 17},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := publicData(t, name)
			db := newDatabase(t)

			summary := db.load(t, load.Options{}, folder)
			require.Equal(t, want.resources, summary.Resources)
			require.Len(t, summary.Types, want.types)
			for _, count := range summary.Types {
				table := pgx.Identifier{strings.ToLower(count.Type)}.Sanitize()
				var rows int64
				require.NoError(t, db.conn.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&rows))
				require.Equal(t, count.Resources, rows, count.Type)
			}
		})
	}
}

// strippedSQL compares with PostgreSQL's own removal of the members that are columns.
const strippedSQL = `SELECT id, resource::text = (
  CASE WHEN (doc->'meta') - $2::text[] = '{}' THEN doc - '{id,resourceType,meta}'::text[]
  WHEN doc ? 'meta' THEN jsonb_set(doc, '{meta}', (doc->'meta') - $2::text[]) - '{id,resourceType}'::text[]
  ELSE doc - '{id,resourceType}'::text[] END)::text
FROM CAST($1 AS jsonb) doc JOIN %s ON id = doc->>'id'`

// TestPublicDataIsStoredAsItCame: in Aidbox format, a document is stored unchanged
// except for the members that are columns.
func TestPublicDataIsStoredAsItCame(t *testing.T) {
	t.Parallel()
	folder := publicData(t, "r4-examples")
	db := newDatabase(t)

	for _, resourceType := range []string{"Patient", "Observation", "Questionnaire", "Group"} {
		path := filepath.Join(folder, resourceType+".ndjson.gz")
		db.load(t, load.Options{Format: load.Aidbox}, path)

		table := pgx.Identifier{strings.ToLower(resourceType)}.Sanitize()
		eachLine(t, path, func(line string) {
			var id string
			var same bool
			sql := strings.ReplaceAll(strippedSQL, "%s", table)
			err := db.conn.QueryRow(t.Context(), sql, line, []string{"lastUpdated", "versionId", "createdAt"}).Scan(&id, &same)
			require.NoError(t, err, id)
			require.True(t, same, id)
		})
	}
}

func eachLine(t *testing.T, path string, fn func(line string)) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	text, err := gzip.NewReader(file)
	require.NoError(t, err)

	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		fn(scanner.Text())
	}
	require.NoError(t, scanner.Err())
}
