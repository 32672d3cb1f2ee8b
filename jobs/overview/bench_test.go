package overview_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
)

// large is the id of a running export with 46,600 parts, half of them done.
var large = uuid.MustParse("00000000-0000-4000-8000-000000000001")

// fillSQL inserts 100,000 exports of 50 clients, $1 of them completed and the others
// ended, over 100 days, a large one that runs and a few that wait, and the jobs of a day.
var fillSQL = []string{`
INSERT INTO sluice.export (id, client_id, request, state, job_id, generation, transaction_time, parts_total, parts_queued, parts_done,
    bytes_planned, bytes_done, bytes_stored, files_stored, created_at, finished_at, expires_at, objects_deleted_at, swept_at)
SELECT gen_random_uuid(), 'client-' || n % 50,
    jsonb_build_object('url', 'https://example.org/fhir/$export', 'fhir', true, 'types', '["Patient", "Observation", "Condition", "Encounter"]'::jsonb)
        || CASE n % 3 WHEN 0 THEN '{}' WHEN 1 THEN '{"level": "patient"}' ELSE '{"level": "group", "group": "g"}' END::jsonb,
    CASE WHEN n % 100 < $1 THEN 'completed' WHEN n % 3 = 0 THEN 'failed' WHEN n % 3 = 1 THEN 'cancelled' ELSE 'expired' END::sluice.export_state,
    n, 1, now(), 20, 20, 20, 1000000, 1000000, CASE WHEN n % 100 < $1 THEN 100000 ELSE 0 END, CASE WHEN n % 100 < $1 THEN 20 ELSE 0 END,
    now() - n * interval '86 s', now() - n * interval '80 s', now() + interval '1 day',
    CASE WHEN n % 100 < $1 THEN NULL ELSE now() END, now()
FROM generate_series(1, 100000) AS n`, `
INSERT INTO sluice.export (id, client_id, request, state, job_id, attempt, lease_until, generation, snapshot, transaction_time, parts_total, parts_queued, parts_done,
    bytes_planned, bytes_done, bytes_stored, files_stored, started_at, snapshot_at, planned_at, progress_at)
SELECT '` + large.String() + `', 'client-1', '{"url": "", "fhir": true, "types": ["Patient", "Observation"]}', 'running', 1, 1, now() + interval '20 s', 1, 's', now(), 46600, 23316, 23300,
    46600000, 23300000, 2330000, 23300, now(), now(), now(), now() WHERE $1 >= 0`, `
INSERT INTO sluice.export (id, client_id, request, job_id)
SELECT gen_random_uuid(), 'client-2', '{"url": "", "fhir": true, "types": ["Patient"]}', n FROM generate_series(1, 100) AS n WHERE $1 >= 0`, `
INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, state, job_id, attempt, lease_until, bytes_planned, bytes_read)
SELECT '` + large.String() + `', n, 1, CASE WHEN n % 2 = 0 THEN 'Patient' ELSE 'Observation' END,
    '{"table": "observation", "from": 100000, "to": 200000, "conditions": ["a", "b", "c"], "columns": ["id", "txid", "ts", "resource"]}', 'large/Observation.' || n || '.ndjson.gz',
    CASE WHEN n <= 23300 THEN 'done' WHEN n <= 23316 THEN 'running' ELSE 'waiting' END::sluice.part_state, CASE WHEN n <= 23316 THEN n END, 1, now(), 1000, CASE WHEN n <= 23300 THEN 1000 ELSE 0 END
FROM generate_series(1, 46600) AS n WHERE $1 >= 0`, `
INSERT INTO sluice.file (export_id, part_number, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
SELECT export_id, number, 1, 'output', resource_type, object_key, 1000, 1000000, 1000, 100000, sha256(object_key::bytea), 'etag'
FROM sluice.part WHERE state = 'done' AND $1 >= 0`, `
INSERT INTO sluice.river_job (kind, state, finalized_at, max_attempts, args, queue)
SELECT CASE WHEN n % 70 = 0 THEN 'sluice_expire' WHEN n % 4000 = 1 THEN 'sluice_sweep' WHEN n % 2 = 0 THEN 'sluice_cleanup' ELSE 'sluice_part' END,
    'completed', now() - n * interval '1 s', 1, jsonb_build_object('export_id', gen_random_uuid(), 'number', n), 'sluice_part'
FROM generate_series(1, 100000) AS n WHERE $1 >= 0`, `
INSERT INTO sluice.river_job (kind, state, max_attempts, args, queue)
SELECT 'sluice_part', 'available', 1, '{}', 'sluice_part' FROM generate_series(1, 1000) AS n WHERE $1 >= 0`,
}

func (f *fixture) fill(t testing.TB, completedPercent int) {
	t.Helper()
	for _, sql := range fillSQL {
		f.exec(t, sql, completedPercent)
	}
	for _, table := range []string{"export", "part", "file", "river_job"} {
		f.exec(t, `VACUUM ANALYZE sluice.`+table)
	}
}

// BenchmarkQueries measures each query with 100,000 exports and a running one of 46,600
// parts: with 1 % of them completed, and with all.
func BenchmarkQueries(b *testing.B) {
	for name, completed := range map[string]int{"FewCompleted": 1, "AllCompleted": 100} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b)
			f.fill(b, completed)
			list := func(filter overview.Filter) func(context.Context) error {
				return func(ctx context.Context) error {
					_, err := f.reader.List(ctx, filter)
					return err
				}
			}
			for name, query := range map[string]func(context.Context) error{
				"List":       list(overview.Filter{}),
				"ListLevel":  list(overview.Filter{Levels: []jobs.Level{jobs.GroupLevel}, States: []jobs.State{jobs.Failed}}),
				"ListClient": list(overview.Filter{Client: "client-7", Levels: []jobs.Level{jobs.GroupLevel}}),
				"ListNone":   list(overview.Filter{Client: "nobody", States: []jobs.State{jobs.Running}}),
				"ListSince":  list(overview.Filter{Since: time.Now().Add(-time.Hour), Limit: overview.MaxLimit}),
				"Show":       func(ctx context.Context) error { _, err := f.reader.Show(ctx, large); return err },
				"Files":      func(ctx context.Context) error { _, err := f.reader.Files(ctx, large, "", 1000); return err },
				"Exports":    func(ctx context.Context) error { _, err := f.reader.Exports(ctx); return err },
				"Stored":     func(ctx context.Context) error { _, err := f.reader.Stored(ctx); return err },
				"Queues":     func(ctx context.Context) error { _, err := f.reader.Queues(ctx); return err },
				"Maintenance": func(ctx context.Context) error {
					_, err := f.reader.Maintenance(ctx)
					return err
				},
				"Clients": func(ctx context.Context) error { _, err := f.reader.Clients(ctx); return err },
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						require.NoError(b, query(b.Context()))
					}
				})
			}
		})
	}
}
