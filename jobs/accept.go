package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const acceptSQL = `INSERT INTO sluice.export (id, client_id, request, job_id) VALUES ($1, $2, $3, $4)`

// Accept writes down a kick-off and the job that will carry it, and returns the
// export's id. Nothing else happens before a worker takes the job. A LimitError
// if Config allows no other export now; then nothing is written.
func (s *Store) Accept(ctx context.Context, clientID string, request Request) (uuid.UUID, error) {
	// Random: whoever has an id can learn nothing about another.
	id := uuid.New()
	err := s.transact(ctx, "accept export", func(tx pgx.Tx) error {
		if err := s.checkLimits(ctx, tx, clientID); err != nil {
			return err
		}
		job, err := s.river.InsertTx(ctx, tx, ExportArgs{ExportID: id}, nil)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, acceptSQL, id, clientID, request, job.Job.ID)
		return err
	})
	return id, err
}
