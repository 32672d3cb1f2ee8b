package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// Schema is the schema of River's tables. Programs that use River elect one leader per
// schema, and only the leader inserts periodic jobs: in a schema shared with another
// program, exports might never expire.
const Schema = "sluice"

// The queues. Export jobs wait most of the time and part jobs work, so neither takes
// the other's concurrency; cleanup waits for neither.
const (
	QueueExport  = "sluice_export"
	QueuePart    = "sluice_part"
	QueueCleanup = "sluice_cleanup"
)

// Format is the version of what processes store for each other in the state database:
// requests, plans and jobs. Raise it when a process of the previous version would
// misread what this one writes. A process does not touch what requires a newer format.
// A new kind of job needs a queue of its own, since River gives older processes all
// jobs of the queues that they know.
const Format = 1

// The attempts of a job before its export fails. A part whose snapshot was lost with
// its holder fails until the export restarts, which can take as long as the holder's
// lease; the additional attempt outlasts that.
const (
	exportAttempts = 5
	partAttempts   = 6
)

// cleanupAttempts is large because what remains in a bucket is patient data.
const cleanupAttempts = 500

// ExpireInterval is the period of ExpireArgs.
const ExpireInterval = time.Minute

// SweepInterval is the period of SweepArgs.
const SweepInterval = time.Hour

// notifyInterval is the minimum time between River's notifications of new jobs. A job
// without a notification is found a second later, and parts are queued one by one.
const notifyInterval = 5 * time.Millisecond

// ExportArgs is the job that carries an export from its snapshot to its manifest.
type ExportArgs struct {
	ExportID uuid.UUID `json:"export_id"`
	Requires int       `json:"requires"` // a Format
}

// Kind implements river.JobArgs.
func (ExportArgs) Kind() string { return "sluice_export" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (ExportArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueExport, MaxAttempts: exportAttempts}
}

// PartArgs is the job that reads one part into objects.
type PartArgs struct {
	ExportID   uuid.UUID `json:"export_id"`
	Generation int       `json:"generation"`
	Number     int       `json:"number"`
	Requires   int       `json:"requires"` // a Format
}

// Kind implements river.JobArgs.
func (PartArgs) Kind() string { return "sluice_part" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (PartArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueuePart, MaxAttempts: partAttempts}
}

// CleanupArgs is the job that deletes the objects of an export.
type CleanupArgs struct {
	ExportID uuid.UUID `json:"export_id"`
}

// Kind implements river.JobArgs.
func (CleanupArgs) Kind() string { return "sluice_cleanup" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (CleanupArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueCleanup, MaxAttempts: cleanupAttempts}
}

// ExpireArgs is the periodic job that expires completed exports.
type ExpireArgs struct{}

// Kind implements river.JobArgs.
func (ExpireArgs) Kind() string { return "sluice_expire" }

// InsertOpts implements river.JobArgsWithInsertOpts. Runs of the same period are one.
func (ExpireArgs) InsertOpts() river.InsertOpts { return periodic(ExpireInterval) }

// SweepArgs is the periodic job that deletes what crashes have left in the bucket of
// exports that have ended.
type SweepArgs struct{}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sluice_sweep" }

// InsertOpts implements river.JobArgsWithInsertOpts. Runs of the same period are one.
func (SweepArgs) InsertOpts() river.InsertOpts { return periodic(SweepInterval) }

func periodic(interval time.Duration) river.InsertOpts {
	return river.InsertOpts{
		Queue:       QueueCleanup,
		MaxAttempts: 1, // the next period tries again
		UniqueOpts:  river.UniqueOpts{ByPeriod: interval},
	}
}

// CheckRequired returns ErrNewer if a job of any kind requires a newer Format than
// this process has.
func CheckRequired(encodedArgs []byte) error {
	var args struct {
		Requires int `json:"requires"`
	}
	if err := json.Unmarshal(encodedArgs, &args); err != nil {
		return fmt.Errorf("jobs: decode the arguments of a job: %w", err)
	}
	if args.Requires > Format {
		return fmt.Errorf("%w: the job requires format %d, this process supports %d", ErrNewer, args.Requires, Format)
	}
	return nil
}

// dueSQL makes jobs available at once by the database's clock. River has scheduled
// them by the clock of this process, which may be ahead.
const dueSQL = `UPDATE sluice.river_job SET scheduled_at = now(), created_at = now() WHERE id = ANY($1)`

// enqueue inserts jobs that are available at once and returns their ids.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, args ...river.JobArgs) ([]int64, error) {
	params := make([]river.InsertManyParams, len(args))
	for i := range args {
		params[i].Args = args[i]
	}
	inserted, err := s.river.InsertManyTx(ctx, tx, params)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(inserted))
	for i, job := range inserted {
		ids[i] = job.Job.ID
	}
	_, err = tx.Exec(ctx, dueSQL, ids)
	return ids, err
}

const (
	// Jobs that are not running are cancelled in one statement: there can be many.
	cancelWaitingSQL = `
UPDATE sluice.river_job SET state = 'cancelled', finalized_at = now()
WHERE id = ANY($1) AND state IN ('available', 'pending', 'retryable', 'scheduled')`

	runningJobsSQL = `SELECT id FROM sluice.river_job WHERE id = ANY($1) AND state = 'running'`
)

// cancelJobs cancels the jobs unless they have ended. River notifies the
// processes that work on them.
func (s *Store) cancelJobs(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if _, err := tx.Exec(ctx, cancelWaitingSQL, ids); err != nil {
		return err
	}
	running, err := collect(ctx, tx, pgx.RowTo[int64], runningJobsSQL, ids)
	if err != nil {
		return err
	}
	for _, id := range running {
		if _, err := s.river.JobCancelTx(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
