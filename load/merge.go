package load

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// stage is the temporary table for rows of a table that is not empty. It is used for
// all types, and empty between batches.
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

	// The planner must know that the stage is small compared to the table.
	analyzeStageSQL = `ANALYZE ` + stage + ` (id)`

	// A row with this file's version that this transaction has written is from an
	// earlier batch. If another transaction has written it, or its version is above
	// the value of the sequence ($1), the sequence is behind the tables.
	conflictSQL = `SELECT s.id, m.txid, m.txid = s.txid AND m.xmin = pg_current_xact_id()::xid
FROM ` + stage + ` s JOIN %[1]s m ON m.id = s.id
WHERE m.txid = s.txid OR m.txid > (SELECT pg_sequence_last_value($1::regclass)) LIMIT 1`

	// The old versions are locked first: otherwise a version that a client writes
	// meanwhile could be overwritten without being in the history.
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

// merge writes a batch into a table as a PUT of each resource to Aidbox does: a new id
// is created, or recreated if its history ends with a deletion; an existing one gets a
// new version, its old version moves to the history, and its cts remains.
func (w *writer) merge(ctx context.Context, b *batch, t *table) error {
	if !w.staged {
		if _, err := w.tx.Exec(ctx, createStageSQL); err != nil {
			return err
		}
		w.staged = true
	}
	if err := w.copy(ctx, b, stage); err != nil {
		return err
	}
	if _, err := w.tx.Exec(ctx, analyzeStageSQL); err != nil {
		return err
	}
	if err := w.checkConflicts(ctx, b, t); err != nil {
		return err
	}
	status := qualified(w.schema, "resource_status")
	for _, sql := range []string{historySQL, mergeSQL} {
		if _, err := w.tx.Exec(ctx, fmt.Sprintf(sql, t.main, t.history, status)); err != nil {
			return err
		}
	}
	_, err := w.tx.Exec(ctx, clearStageSQL)
	return err
}

// checkConflicts returns an error if an earlier batch of the same file has one of the
// ids, or if the file's version is not above those in the table.
func (w *writer) checkConflicts(ctx context.Context, b *batch, t *table) error {
	var id string
	var version int64
	var repeated bool
	sequence := qualified(w.schema, sequenceName)
	err := w.tx.QueryRow(ctx, fmt.Sprintf(conflictSQL, t.main), sequence).Scan(&id, &version, &repeated)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(b.rows, func(r row) bool { return r.id == id }); i >= 0 && repeated {
		return w.duplicate(b, b.rows[i])
	}
	return fmt.Errorf("%s/%s already has version %d: the sequence %s is behind the tables; set it above their highest txid with setval",
		b.resourceType, id, version, sequenceName)
}
