package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"
)

// Attempt identifies one attempt of the job of an export, or of one of its
// parts. Its outcome counts only as long as no other attempt has the job and the
// job belongs to the export's current generation.
type Attempt struct {
	ExportID uuid.UUID

	jobID int64
	at    time.Time // when River gave out the job; no two attempts share it
}

// NewAttempt returns the attempt that works on the job.
func NewAttempt(job *rivertype.JobRow) (Attempt, error) {
	var args struct {
		ExportID uuid.UUID `json:"export_id"`
	}
	if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
		return Attempt{}, fmt.Errorf("jobs: decode arguments of job %d: %w", job.ID, err)
	}
	attempt := Attempt{ExportID: args.ExportID, jobID: job.ID}
	if job.AttemptedAt != nil {
		attempt.at = *job.AttemptedAt
	}
	return attempt, nil
}

// currentSQL reports whether an attempt has its job. Parts of a former generation
// are gone, and their jobs belong to no part.
const currentSQL = `
SELECT EXISTS (
    SELECT FROM sluice.river_job j
    WHERE j.id = $2 AND j.attempted_at = $3 AND j.state = 'running'
      AND (EXISTS (SELECT FROM sluice.export WHERE id = $1 AND job_id = j.id)
        OR EXISTS (SELECT FROM sluice.part WHERE export_id = $1 AND job_id = j.id AND state <> 'done')))`

// check returns ErrStale if the attempt is stale.
func (a Attempt) check(ctx context.Context, tx pgx.Tx) error {
	var current bool
	if err := tx.QueryRow(ctx, currentSQL, a.ExportID, a.jobID, a.at).Scan(&current); err != nil {
		return err
	}
	if !current {
		return ErrStale
	}
	return nil
}

// FailAttempt is Fail for a permanent failure of an attempt. ErrStale if the
// attempt is stale; then the export stays as it is.
func (s *Store) FailAttempt(ctx context.Context, attempt Attempt, reason string) error {
	return s.move(ctx, attempt.ExportID, "fail export", func(tx pgx.Tx) error {
		if err := attempt.check(ctx, tx); err != nil {
			return err
		}
		return s.abandon(ctx, tx, attempt.ExportID, ErrStale, failSQL, attempt.ExportID, reason)
	})
}
