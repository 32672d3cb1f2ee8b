package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// LeaseTime is how long a process is considered alive after it renewed a lease.
	// River has no heartbeat: it would wait for the maximum duration of the job,
	// which is hours.
	LeaseTime = 20 * time.Second

	// RenewInterval is how often to renew a lease, so that a few renewals may fail
	// before it expires.
	RenewInterval = 4 * time.Second

	// ReclaimInterval is how often to call Reclaim.
	ReclaimInterval = 5 * time.Second
)

// renewExportSQL counts as progress while the export is planned or completed, unless it
// waits. In between, parts make progress.
const renewExportSQL = `
UPDATE sluice.export SET lease_until = now() + $3,
  progress_at = CASE WHEN waiting_since IS NULL AND (transaction_time IS NULL OR parts_done = parts_total) THEN now() ELSE progress_at END
WHERE id = $1 AND attempt = $2 AND state = 'running' AND location_version = (` + currentLocationSQL + `)`

// Renew renews the lease of the export. Call it every few seconds. It returns ErrStale
// if the export has ended or was taken over, or if the location has changed: then it
// restarts in a process of the new location.
func (s *Store) Renew(ctx context.Context, export Export) error {
	return s.update(ctx, "renew lease", renewExportSQL, export.ID, export.attempt, LeaseTime)
}

// lostSQL finds work whose lease has expired and whose job was not taken just now by a
// process that is about to take the lease, even if River considers the job ended. A job
// that is available is not lost, nor is a part that was not queued yet.
const lostSQL = `
WITH unfinished AS (
    SELECT id AS export_id, job_id, lease_until, 'the export was' AS subject
    FROM sluice.export WHERE state IN ('accepted', 'running')
    UNION ALL
    SELECT p.export_id, p.job_id, p.lease_until, substr(p.object_key, length(p.export_id::text) + 2) || ':'
    FROM sluice.part p JOIN sluice.export e ON e.id = p.export_id
    WHERE p.job_id IS NOT NULL AND p.state <> 'done' AND e.state = 'running'
)
SELECT u.export_id, u.subject, j.id, j.attempt >= j.max_attempts
FROM unfinished u JOIN sluice.river_job j ON j.id = u.job_id
WHERE j.state IN ('running', 'completed', 'cancelled', 'discarded')
  AND coalesce(greatest(u.lease_until, j.attempted_at + $1::interval), '-infinity') < now()
FOR NO KEY UPDATE OF j SKIP LOCKED`

// requeueSQL makes jobs available to all workers. It keeps their attempts.
const requeueSQL = `
UPDATE sluice.river_job SET state = 'available', scheduled_at = now(), finalized_at = NULL
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE id = ANY($1) AND state IN ('running', 'completed', 'cancelled', 'discarded')
    FOR NO KEY UPDATE SKIP LOCKED)
RETURNING kind`

// endCancelledSQL ends the jobs that were cancelled a lease's time ago and are still
// running. A process that is alive ends such a job at once, and River would wait for
// hours.
const endCancelledSQL = `
UPDATE sluice.river_job SET state = 'cancelled', finalized_at = now()
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE state = 'running' AND (metadata->>'cancel_attempted_at')::timestamptz < now() - $1::interval
    FOR NO KEY UPDATE SKIP LOCKED)`

// rescueSQL requeues or discards short jobs whose process has died. River would compare
// the clock of one process with the times of the database and rescue running jobs.
const rescueSQL = `
UPDATE sluice.river_job SET
  state = CASE WHEN attempt < max_attempts THEN 'available' ELSE 'discarded' END::sluice.river_job_state,
  scheduled_at = now(),
  finalized_at = CASE WHEN attempt < max_attempts THEN NULL ELSE now() END
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE state = 'running' AND kind <> ALL($1) AND attempted_at < now() - $2::interval
    FOR NO KEY UPDATE SKIP LOCKED)`

// ShortJobTimeout is the timeout of jobs that belong neither to an export nor to a part.
// They are rescued after twice this time.
const ShortJobTimeout = 10 * time.Minute

// lostWork is a job whose process has died.
type lostWork struct {
	ExportID  uuid.UUID
	Subject   string // of the failure: the export, or the first file of the part
	JobID     int64
	Exhausted bool // no attempts are left
}

// Reclaimed counts requeued jobs.
type Reclaimed struct{ Exports, Parts int }

// Reclaim requeues the jobs of processes that have died or cannot reach the database,
// and returns their number. An export whose job has no attempts left fails. It also ends
// the cancelled jobs of such processes and fills windows that a crash has left with
// room. Any number of processes may call it.
func (s *Store) Reclaim(ctx context.Context) (reclaimed Reclaimed, err error) {
	all, err := list(ctx, s, "find abandoned jobs", pgx.RowToStructByPos[lostWork], lostSQL, LeaseTime)
	if err != nil {
		return reclaimed, err
	}
	var jobIDs []int64
	for _, lost := range all {
		if !lost.Exhausted {
			jobIDs = append(jobIDs, lost.JobID)
		} else if err := s.Fail(ctx, lost.ExportID, lost.Subject+" abandoned after repeated worker crashes"); err != nil && !errors.Is(err, ErrStale) {
			return reclaimed, err
		}
	}
	leased := []string{ExportArgs{}.Kind(), PartArgs{}.Kind()}
	_, err = s.pool.Exec(ctx, endCancelledSQL, LeaseTime)
	if err == nil {
		_, err = s.pool.Exec(ctx, rescueSQL, leased, 2*ShortJobTimeout)
	}
	var requeued []string
	if err == nil {
		requeued, err = collect(ctx, s.pool, pgx.RowTo[string], requeueSQL, jobIDs)
	}
	if err != nil {
		return reclaimed, fmt.Errorf("jobs: reclaim: %w", err)
	}
	for _, kind := range requeued {
		if kind == (ExportArgs{}).Kind() {
			reclaimed.Exports++
		} else {
			reclaimed.Parts++
		}
	}
	return reclaimed, s.fillGaps(ctx)
}
