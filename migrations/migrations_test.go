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
