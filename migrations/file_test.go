package migrations_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// upTo applies our migrations up to a version, as an older Sluice has done.
func upTo(t *testing.T, pool *pgxpool.Pool, version int64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `CREATE SCHEMA sluice`)
	require.NoError(t, err)
	db := stdlib.OpenDBFromPool(pool)
	defer func() { require.NoError(t, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("."), goose.WithTableName("sluice.migration"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), version)
	require.NoError(t, err)
}

// Exports that ended before files had a table keep theirs.
func TestFilesOfFormerExports(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	upTo(t, pool, 2)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO sluice.export (id, client_id, request, state, job_id) VALUES ('00000000-0000-4000-8000-000000000001', 'c', '{}', 'completed', 1);
		INSERT INTO sluice.part (export_id, number, generation, kind, resource_type, scan, object_key, state, bytes_planned, resources, file_bytes, sha256, outcomes, outcomes_key)
		SELECT '00000000-0000-4000-8000-000000000001', p.number, 1, p.kind::sluice.part_kind, 'Patient', '{}', p.key, p.state::sluice.part_state, 9, p.resources, p.bytes, p.sum::bytea, p.outcomes, p.outcomes_key
		FROM (VALUES
			(1, 'resources', 'a', 'done', 7, 70, 'x', 3, 'error/a'),
			(2, 'resources', 'b', 'done', 0, 0, NULL, 0, NULL),
			(3, 'resources', 'c', 'running', 0, 0, NULL, 0, NULL),
			(4, 'deletions', 'd', 'done', 2, 20, 'y', 0, NULL)
		) AS p (number, kind, key, state, resources, bytes, sum, outcomes, outcomes_key)`)
	require.NoError(t, err)

	applied, err := migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	require.Positive(t, applied)

	rows, err := pool.Query(t.Context(), `
		SELECT concat_ws(' ', part_number, kind, resource_type, object_key, resources, stored_bytes, encode(sha256, 'escape'))
		FROM sluice.file ORDER BY part_number, place`)
	require.NoError(t, err)
	files, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"1 output Patient a 7 70 x", "1 outcome OperationOutcome error/a 3", "4 deleted Bundle d 2 20 y"}, files)
}
