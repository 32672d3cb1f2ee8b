package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

func TestUp(t *testing.T) {
	t.Parallel()

	setup := func(t *testing.T) *pgxpool.Pool {
		t.Helper()
		pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	migrated := func(t *testing.T) *pgxpool.Pool {
		t.Helper()
		pool := setup(t)
		_, err := migrations.Up(t.Context(), pool)
		require.NoError(t, err)
		require.NoError(t, migrations.Check(t.Context(), pool))
		return pool
	}

	t.Run("TwiceAppliesOnce", func(t *testing.T) {
		t.Parallel()
		pool := setup(t)

		require.ErrorIs(t, migrations.Check(t.Context(), pool), migrations.ErrPending)

		applied, err := migrations.Up(t.Context(), pool)
		require.NoError(t, err)
		require.Positive(t, applied)
		require.NoError(t, migrations.Check(t.Context(), pool))

		applied, err = migrations.Up(t.Context(), pool)
		require.NoError(t, err)
		require.Zero(t, applied)
	})

	t.Run("ManyAtOnce", func(t *testing.T) {
		t.Parallel()
		pool := setup(t)

		var group errgroup.Group
		for range 4 {
			group.Go(func() error {
				_, err := migrations.Up(t.Context(), pool)
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.NoError(t, migrations.Check(t.Context(), pool))
	})

	t.Run("CheckSeesMissingOwnMigration", func(t *testing.T) {
		t.Parallel()
		pool := migrated(t)
		_, err := pool.Exec(t.Context(), `DELETE FROM sluice.migration WHERE version_id = (SELECT max(version_id) FROM sluice.migration)`)
		require.NoError(t, err)

		require.ErrorIs(t, migrations.Check(t.Context(), pool), migrations.ErrPending)
	})

	// 00004_progress.sql can be repeated after it was interrupted, and counts files. So can
	// the later migrations.
	t.Run("ProgressOfStoredExports", func(t *testing.T) {
		t.Parallel()
		pool := migrated(t)
		_, err := pool.Exec(t.Context(), `
			DELETE FROM sluice.migration WHERE version_id >= 4;
			DROP INDEX sluice.export_listed;
			ALTER TABLE sluice.export DROP COLUMN files_stored, DROP COLUMN progress_at;
			INSERT INTO sluice.export (id, client_id, request, job_id, bytes_stored)
			SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'a', '{}', n, 10 * n FROM generate_series(0, 2) AS n;
			INSERT INTO sluice.file (export_id, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
			SELECT '00000000-0000-4000-8000-000000000002', n, 'output', 'Patient', n, 1, 1, 1, 10, '', '' FROM generate_series(1, 3) AS n`)
		require.NoError(t, err)
		applied, err := migrations.Up(t.Context(), pool)
		require.NoError(t, err)
		require.Positive(t, applied)
		var files []int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT array_agg(files_stored ORDER BY id) FROM sluice.export`).Scan(&files))
		require.Equal(t, []int{0, 0, 3}, files)
	})

	// Neither Check nor Up accepts a schema with migrations of a newer version.
	for name, sql := range map[string]string{
		"NewerOwnMigration":   `INSERT INTO sluice.migration (version_id, is_applied) VALUES (99999, true)`,
		"NewerRiverMigration": `INSERT INTO sluice.river_migration (line, version) VALUES ('main', 999)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := migrated(t)
			_, err := pool.Exec(t.Context(), sql)
			require.NoError(t, err)

			err = migrations.Check(t.Context(), pool)
			require.ErrorIs(t, err, migrations.ErrNewer)
			require.ErrorContains(t, err, "999")
			_, err = migrations.Up(t.Context(), pool)
			require.ErrorIs(t, err, migrations.ErrNewer)
		})
	}
}
