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

// Attempt identifies one attempt of the job of an export or part. Its result counts
// only as long as no other attempt has the job and the job belongs to the export's
// current generation.
type Attempt struct {
	ExportID uuid.UUID

	jobID int64
	at    time.Time // when River started the attempt, different for each
}

// NewAttempt returns the current attempt of the job.
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

// isCurrentSQL reports whether an attempt has its job. The jobs of an earlier
// generation belong to no part.
const isCurrentSQL = `
SELECT EXISTS (
    SELECT FROM sluice.river_job j
    WHERE j.id = $2 AND j.attempted_at = $3 AND j.state = 'running'
      AND (EXISTS (SELECT FROM sluice.export WHERE id = $1 AND job_id = j.id)
        OR EXISTS (SELECT FROM sluice.part WHERE export_id = $1 AND job_id = j.id AND state <> 'done')))`

// check returns ErrStale if the attempt does not count any more.
func (a Attempt) check(ctx context.Context, tx pgx.Tx) error {
	return check(ctx, tx, ErrStale, isCurrentSQL, a.ExportID, a.jobID, a.at)
}

// FailAttempt is Fail for a permanent failure of an attempt. It returns ErrStale, with
// nothing changed, if the attempt does not count any more.
func (s *Store) FailAttempt(ctx context.Context, attempt Attempt, reason string) error {
	return s.change(ctx, attempt.ExportID, "fail export", func(tx pgx.Tx) error {
		if err := attempt.check(ctx, tx); err != nil {
			return err
		}
		return s.abandon(ctx, tx, attempt.ExportID, ErrStale, failSQL, attempt.ExportID, reason, false)
	})
}
