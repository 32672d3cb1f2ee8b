package overview

import (
	"context"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Exports are totals over the exports that are unfinished or completed.
type Exports struct {
	// Accepted, Running and Completed count the exports by state, and the times are when
	// the oldest of them was accepted; nil if there is none.
	Accepted, Running, Completed                   int
	OldestAccepted, OldestRunning, OldestCompleted *time.Time

	// LeastProgress is, of the running exports, the least recent time of progress; nil if
	// none runs.
	LeastProgress *time.Time

	// PartsRunnable is the number of parts and exports that workers can take or have
	// taken: parts with a job, one for each export that is not planned yet.
	PartsRunnable int

	// PartsLeft and BytesLeft are what planned exports still have to read.
	PartsLeft int
	BytesLeft int64
}

// exportsSQL reads the unfinished exports and the index entries of completed ones.
const exportsSQL = `
WITH unfinished AS (
    SELECT e.state, e.created_at, ` + progressSQL + ` AS progress_at, e.transaction_time IS NOT NULL AS planned,
        e.parts_total, e.parts_queued, e.parts_done, e.bytes_planned - (` + bytesReadSQL + `) AS bytes_left
    FROM sluice.export e WHERE e.state IN ('accepted', 'running')
)
SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'running'),
    (SELECT count(*) FROM sluice.export WHERE state = 'completed'),
    min(created_at) FILTER (WHERE state = 'accepted'), min(created_at) FILTER (WHERE state = 'running'),
    (SELECT min(created_at) FROM sluice.export WHERE state = 'completed'),
    min(coalesce(progress_at, created_at)) FILTER (WHERE state = 'running'),
    coalesce(sum(CASE WHEN planned THEN parts_queued - parts_done ELSE 1 END), 0),
    coalesce(sum(parts_total - parts_done), 0), coalesce(sum(bytes_left), 0)::bigint
FROM unfinished`

// Exports returns totals over the exports that are unfinished or completed.
func (r *Reader) Exports(ctx context.Context) (Exports, error) {
	return collectOne[Exports](ctx, r.pool, "sum up exports", exportsSQL)
}

// Stored are totals over the exports that have files in the bucket.
type Stored struct {
	Files int64
	Bytes int64

	// Overdue is the number of files that should have been deleted OverdueAfter ago: of
	// exports that have expired, failed or were cancelled.
	Overdue int64
}

// OverdueAfter is how long the deletion of files may take before they are overdue: jobs
// look for expired exports once a minute.
const OverdueAfter = 10 * time.Minute

// storedSQL reads the exports whose files were not deleted. An export whose files a
// version counted that does not record their number has at least one.
const storedSQL = `
SELECT coalesce(sum(files), 0)::bigint, coalesce(sum(bytes_stored), 0)::bigint,
    coalesce(sum(files) FILTER (WHERE due_at < now() - $1::interval), 0)::bigint
FROM (
    SELECT greatest(files_stored, (bytes_stored > 0)::integer) AS files, bytes_stored,
        CASE WHEN state IN ('completed', 'expired') THEN expires_at WHEN state IN ('failed', 'cancelled') THEN finished_at END AS due_at
    FROM sluice.export WHERE objects_deleted_at IS NULL) AS kept`

// Stored returns totals over the exports that have files in the bucket.
func (r *Reader) Stored(ctx context.Context) (Stored, error) {
	return collectOne[Stored](ctx, r.pool, "sum up files", storedSQL, OverdueAfter)
}

// QueuedJobs are the jobs of a queue in one state.
type QueuedJobs struct {
	Queue string
	State string // of River: available, pending, retryable, running or scheduled
	Count int

	// Oldest is since when the one that waits longest is available; nil unless State is
	// available.
	Oldest *time.Time
}

// queuesSQL reads index entries of the jobs that have not ended.
const queuesSQL = `
SELECT queue, state::text, count(*), min(scheduled_at) FILTER (WHERE state = 'available')
FROM sluice.river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled') GROUP BY queue, state`

// Queues returns the jobs that have not ended, by queue and state.
func (r *Reader) Queues(ctx context.Context) ([]QueuedJobs, error) {
	return collect[QueuedJobs](ctx, r.pool, "count jobs", queuesSQL)
}

// Maintenance is when each kind of maintenance last succeeded: nil if it never did, or
// if River has deleted the record, which it keeps for a day.
type Maintenance struct{ Expire, Sweep, Cleanup *time.Time }

// maintenanceSQL reads the completed jobs of the kinds. River has no index for it, but of
// the periodic ones there are few.
const maintenanceSQL = `
SELECT (SELECT max(finalized_at) FROM sluice.river_job WHERE kind = $1 AND state = 'completed'),
    (SELECT max(finalized_at) FROM sluice.river_job WHERE kind = $2 AND state = 'completed'),
    (SELECT max(finalized_at) FROM sluice.river_job WHERE kind = $3 AND state = 'completed')`

// Maintenance returns when each kind of maintenance last succeeded.
func (r *Reader) Maintenance(ctx context.Context) (Maintenance, error) {
	return collectOne[Maintenance](ctx, r.pool, "find maintenance", maintenanceSQL,
		jobs.ExpireArgs{}.Kind(), jobs.SweepArgs{}.Kind(), jobs.CleanupArgs{}.Kind())
}

// ClientExports are the exports of a client in one state.
type ClientExports struct {
	ClientID string
	State    jobs.State
	Count    int
}

// clientsSQL reads index entries of the exports that are unfinished or completed.
const clientsSQL = `
SELECT client_id, state, count(*) FROM sluice.export WHERE state IN ('accepted', 'running', 'completed')
GROUP BY client_id, state`

// Clients returns the number of exports that are unfinished or completed by client.
func (r *Reader) Clients(ctx context.Context) ([]ClientExports, error) {
	return collect[ClientExports](ctx, r.pool, "count exports of clients", clientsSQL)
}
