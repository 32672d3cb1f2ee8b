package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// Exports whose jobs are in the tables of River that another schema has do not hang,
// and do not refer to other jobs.
func TestExportsWithJobsElsewhere(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	upTo(t, pool, 19)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO sluice.export (id, client_id, request, job_id, state) VALUES
			('00000000-0000-4000-8000-000000000001', 'c', '{}', 1, 'running'),
			('00000000-0000-4000-8000-000000000002', 'c', '{}', 2, 'completed');
		INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, bytes_planned, job_id) VALUES
			('00000000-0000-4000-8000-000000000001', 1, 1, 'Patient', '{}', 'a', 9, 3),
			('00000000-0000-4000-8000-000000000002', 1, 1, 'Patient', '{}', 'b', 9, 4)`)
	require.NoError(t, err)
	require.ErrorIs(t, migrations.Check(t.Context(), pool), migrations.ErrPending)

	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	require.NoError(t, migrations.Check(t.Context(), pool))
	var states string
	var parts, jobs int
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT string_agg(state::text, ' ' ORDER BY id), (SELECT count(*) FROM sluice.part), sum(job_id) + (SELECT sum(job_id) FROM sluice.part)
		FROM sluice.export`).Scan(&states, &parts, &jobs))
	require.Equal(t, "failed completed", states)
	require.Equal(t, 1, parts)
	require.Zero(t, jobs)
}
