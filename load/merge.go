package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// stage is the temporary table that rows pass through on their way to a table
// that has rows already. It is the same for every type, and empty between
// batches.
const stage = "sluice_stage"

const (
	createStageSQL = `CREATE TEMPORARY TABLE ` + stage + ` (
  id text PRIMARY KEY,
  txid bigint NOT NULL,
  ts timestamptz,
  cts timestamptz,
  resource_type text,
  status text NOT NULL,
  resource jsonb NOT NULL
) ON COMMIT DROP`

	// The planner must know that the stage is small beside the table.
	analyzeStageSQL = `ANALYZE ` + stage + ` (id)`

	// A row that bears this file's own version and was written by this transaction
	// came from an earlier batch. If another transaction wrote it, or it bears a
	// version that the sequence ($1) has not reached, the sequence lags behind.
	twiceSQL = `SELECT s.id, m.txid, m.txid = s.txid AND m.xmin = pg_current_xact_id()::xid
FROM ` + stage + ` s JOIN %[1]s m ON m.id = s.id
WHERE m.txid = s.txid OR m.txid > (SELECT pg_sequence_last_value($1::regclass)) LIMIT 1`

	// The old versions are locked first, so that none is overwritten that a
	// client changes meanwhile and history would never see.
	historySQL = `INSERT INTO %[2]s (` + rowColumns + `)
SELECT m.id, m.txid, m.ts, m.cts, coalesce(m.resource_type, s.resource_type), m.status, m.resource
FROM %[1]s m JOIN ` + stage + ` s ON s.id = m.id
FOR UPDATE OF m`

	mergeSQL = `INSERT INTO %[1]s (` + rowColumns + `)
SELECT s.id, s.txid, s.ts, s.cts, s.resource_type,
  (CASE (SELECT h.status::text FROM %[2]s h WHERE h.id = s.id ORDER BY h.txid DESC LIMIT 1)
    WHEN 'deleted' THEN 'recreated' ELSE 'created' END)::%[3]s,
  s.resource
FROM ` + stage + ` s
ON CONFLICT (id) DO UPDATE SET
  txid = excluded.txid, ts = excluded.ts, resource_type = excluded.resource_type,
  status = 'updated', resource = excluded.resource`

	clearStageSQL = `TRUNCATE ` + stage
)

// merge puts a batch into a table as Aidbox would put each of its resources: a
// new id is created, or recreated when its history ends with a deletion; a
// known id gets a new version, its old one goes to history, its cts stays.
func (w *writer) merge(ctx context.Context, b *batch, t *table) (updated int64, err error) {
	if !w.staged {
		if _, err := w.tx.Exec(ctx, createStageSQL); err != nil {
			return 0, err
		}
		w.staged = true
	}
	if err := w.copy(ctx, b, stage, stage); err != nil {
		return 0, err
	}
	if _, err := w.tx.Exec(ctx, analyzeStageSQL); err != nil {
		return 0, err
	}
	if err := w.refuseTwice(ctx, b, t); err != nil {
		return 0, err
	}

	status := qualified(w.schema, "resource_status")
	old, err := w.tx.Exec(ctx, fmt.Sprintf(historySQL, t.main, t.history))
	if err != nil {
		return 0, err
	}
	if _, err := w.tx.Exec(ctx, fmt.Sprintf(mergeSQL, t.main, t.history, status)); err != nil {
		return 0, err
	}
	_, err = w.tx.Exec(ctx, clearStageSQL)
	return old.RowsAffected(), err
}

// refuseTwice returns an error if an earlier batch of the same file brought one of
// the ids, or if the file's version is not above those that the table has.
func (w *writer) refuseTwice(ctx context.Context, b *batch, t *table) error {
	var id string
	var version int64
	var twice bool
	sequence := qualified(w.schema, sequenceName)
	err := w.tx.QueryRow(ctx, fmt.Sprintf(twiceSQL, t.main), sequence).Scan(&id, &version, &twice)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if r, ok := b.rowOf(id); ok && twice {
		return w.duplicate(b, r)
	}
	return fmt.Errorf("%s/%s already has version %d: the sequence %s lags behind the tables; raise it with setval above their highest txid",
		b.resourceType, id, version, sequenceName)
}
