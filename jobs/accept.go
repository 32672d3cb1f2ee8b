package jobs

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	acceptSQL = `INSERT INTO sluice.export (id, client_id, request, job_id) VALUES ($1, $2, $3, $4)`

	// equalSQL finds the youngest export of the client with that request that has
	// not ended.
	equalSQL = `
SELECT id FROM sluice.export
WHERE client_id = $1 AND request = $2 AND state IN ('accepted', 'running') ORDER BY created_at DESC LIMIT 1`
)

// Accept writes down a kick-off and the job that will carry it, and returns the
// export's id. Nothing else happens before a worker takes the job. A LimitError
// if Config allows no other export now; then nothing is written. With
// Config.ReuseRunning, the id can be that of an equal export that runs.
func (s *Store) Accept(ctx context.Context, clientID string, request Request) (uuid.UUID, error) {
	// Random: whoever has an id can learn nothing about another.
	id := uuid.New()
	err := s.transact(ctx, "accept export", func(tx pgx.Tx) error {
		if running, err := s.findEqual(ctx, tx, clientID, request); err != nil || running != uuid.Nil {
			id = running
			return err
		}
		if err := s.checkLimits(ctx, tx, clientID); err != nil {
			return err
		}
		jobIDs, err := s.enqueue(ctx, tx, ExportArgs{ExportID: id, Requires: Format})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, acceptSQL, id, clientID, request, jobIDs[0])
		return err
	})
	return id, err
}

// findEqual returns the export that the kick-off would only repeat, or uuid.Nil
// if there is none or each is to be an export of its own.
func (s *Store) findEqual(ctx context.Context, tx pgx.Tx, clientID string, request Request) (uuid.UUID, error) {
	if !s.config.ReuseRunning {
		return uuid.Nil, nil
	}
	// Or two that come at the same time would both find none.
	if _, err := tx.Exec(ctx, acceptLockSQL); err != nil {
		return uuid.Nil, err
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, equalSQL, clientID, request).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, err
}
