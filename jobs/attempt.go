package jobs

import (
	"cmp"
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

// Failure is why an attempt fails its export.
type Failure struct {
	// Reason is the reason for the client. It can name a resource of the client's view.
	Reason string

	// Logged is the reason without ids of resources. Defaults to Reason.
	Logged string
}

// FailAttempt is Fail for a permanent failure of an attempt. It returns ErrStale, with
// nothing changed, if the attempt does not count any more.
func (s *Store) FailAttempt(ctx context.Context, attempt Attempt, failure Failure) error {
	event := Event{Kind: EventFailed, ExportID: attempt.ExportID, Reason: cmp.Or(failure.Logged, failure.Reason), ByJob: true}
	return s.changeObserved(ctx, &event, "fail export", func(ctx context.Context, tx pgx.Tx) error {
		if err := attempt.check(ctx, tx); err != nil {
			return err
		}
		return s.abandon(ctx, tx, &event, ErrStale, failSQL, attempt.ExportID, failure.Reason, false)
	})
}
