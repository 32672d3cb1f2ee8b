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
	// LeaseTime is how long a process is believed to be at work after it last
	// said so. River itself would wait for the time that the job may take at
	// most, which is hours.
	LeaseTime = 20 * time.Second

	// RenewEvery is how often a lease is to be renewed: a few renewals may fail
	// before it is lost.
	RenewEvery = 4 * time.Second

	// ReclaimEvery is how often to look for lost work.
	ReclaimEvery = 5 * time.Second
)

const renewExportSQL = `
UPDATE sluice.export SET lease_until = now() + $3
WHERE id = $1 AND attempt = $2 AND state = 'running' AND location = (` + currentLocationSQL + `)`

// Renew says that the export is still worked on. It is to be called every few
// seconds. ErrStale if it has ended, another process has taken it, or the location
// has moved: then it begins again, in a process of the new one.
func (s *Store) Renew(ctx context.Context, export Export) error {
	return s.renew(ctx, renewExportSQL, export.ID, export.attempt, LeaseTime)
}

func (s *Store) renew(ctx context.Context, sql string, args ...any) error {
	tag, err := s.pool.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("jobs: renew lease: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrStale
	}
	return nil
}

// lostSQL finds the work that nobody does: its lease has run out, and its job
// was not taken just now by a process that is about to take the lease. River
// may even believe that the job has ended. A job that waits to be taken is not
// lost, nor is a part that was not queued yet.
const lostSQL = `
WITH unfinished AS (
    SELECT id AS export_id, job_id, lease_until, '' AS file
    FROM sluice.export WHERE state IN ('accepted', 'running')
    UNION ALL
    SELECT p.export_id, p.job_id, p.lease_until, substr(p.object_key, length(p.export_id::text) + 2)
    FROM sluice.part p JOIN sluice.export e ON e.id = p.export_id
    WHERE p.job_id IS NOT NULL AND p.state <> 'done' AND e.state = 'running'
)
SELECT u.export_id, u.file, j.id, j.attempt >= j.max_attempts
FROM unfinished u JOIN sluice.river_job j ON j.id = u.job_id
WHERE j.state IN ('running', 'completed', 'cancelled', 'discarded')
  AND coalesce(greatest(u.lease_until, j.attempted_at + $1::interval), '-infinity') < now()
FOR NO KEY UPDATE OF j SKIP LOCKED`

// giveBackSQL lets any worker take the job. Its attempts stay counted.
const giveBackSQL = `
UPDATE sluice.river_job SET state = 'available', scheduled_at = now(), finalized_at = NULL
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE id = ANY($1) AND state IN ('running', 'completed', 'cancelled', 'discarded')
    FOR NO KEY UPDATE SKIP LOCKED)`

// endSQL ends the jobs that were cancelled a lease's time ago and still count as
// running. A process that lives ends such a job at once; and River itself would
// wait for hours.
const endSQL = `
UPDATE sluice.river_job SET state = 'cancelled', finalized_at = now()
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE state = 'running' AND (metadata->>'cancel_attempted_at')::timestamptz < now() - $1::interval
    FOR NO KEY UPDATE SKIP LOCKED)`

// rescueSQL gives back, or ends, short jobs whose process has died. River would
// compare the clock of one process with the times of the database, and would
// rescue jobs that run.
const rescueSQL = `
UPDATE sluice.river_job SET
  state = CASE WHEN attempt < max_attempts THEN 'available' ELSE 'discarded' END::sluice.river_job_state,
  scheduled_at = now(),
  finalized_at = CASE WHEN attempt < max_attempts THEN NULL ELSE now() END
WHERE id IN (
    SELECT id FROM sluice.river_job
    WHERE state = 'running' AND kind <> ALL($1) AND attempted_at < now() - $2::interval
    FOR NO KEY UPDATE SKIP LOCKED)`

// ShortJobTimeout bounds the jobs that are neither of an export nor of a part. It
// is long over when they are rescued.
const ShortJobTimeout = 10 * time.Minute

// lostWork is a job whose process has died.
type lostWork struct {
	exportID  uuid.UUID
	file      string // the first of the part; empty for the export itself
	jobID     int64
	exhausted bool // it was taken as often as a job may be
}

// reason is why the export fails that has lost this too often.
func (l lostWork) reason() string {
	if l.file == "" {
		return "the export was abandoned after repeated worker crashes"
	}
	return l.file + ": abandoned after repeated worker crashes"
}

// Reclaim gives the work of processes that have died, or can't reach the
// database, to others, and returns how many jobs that were. An export whose
// worker dies again and again fails. It also ends the jobs that such processes
// were told to cancel, and queues parts that should be queued and are not. Any
// number of processes may call it.
func (s *Store) Reclaim(ctx context.Context) (int, error) {
	all, err := s.findLost(ctx)
	if err != nil {
		return 0, fmt.Errorf("jobs: reclaim: %w", err)
	}
	var jobIDs []int64
	for _, lost := range all {
		if !lost.exhausted {
			jobIDs = append(jobIDs, lost.jobID)
		} else if err := s.Fail(ctx, lost.exportID, lost.reason()); err != nil && !errors.Is(err, ErrStale) {
			return 0, err
		}
	}
	if _, err := s.pool.Exec(ctx, endSQL, LeaseTime); err != nil {
		return 0, fmt.Errorf("jobs: reclaim: %w", err)
	}
	leased := []string{ExportArgs{}.Kind(), PartArgs{}.Kind()}
	if _, err := s.pool.Exec(ctx, rescueSQL, leased, 2*ShortJobTimeout); err != nil {
		return 0, fmt.Errorf("jobs: reclaim: %w", err)
	}
	tag, err := s.pool.Exec(ctx, giveBackSQL, jobIDs)
	if err != nil {
		return 0, fmt.Errorf("jobs: reclaim: %w", err)
	}
	return int(tag.RowsAffected()), s.fillGaps(ctx)
}

func (s *Store) findLost(ctx context.Context) ([]lostWork, error) {
	rows, err := s.pool.Query(ctx, lostSQL, LeaseTime)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l lostWork, err error) {
		err = row.Scan(&l.exportID, &l.file, &l.jobID, &l.exhausted)
		return l, err
	})
}
