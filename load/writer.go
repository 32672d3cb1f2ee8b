package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writer writes the batches of a file into their tables.
type writer struct {
	tx     pgx.Tx
	path   string
	schema string
	loaded *tally

	tables map[string]*table // by resource type
	staged bool              // reports whether the staging table exists
}

// write writes a batch into its table: directly if the table was empty, otherwise by
// the staging table, since there may be older versions.
func (w *writer) write(ctx context.Context, b *batch) error {
	t, err := w.table(ctx, b.resourceType)
	if err != nil {
		return err
	}
	var updated int64
	if t.empty {
		err = w.copy(ctx, b, t.main, t.name)
	} else {
		updated, err = w.merge(ctx, b, t)
	}
	if err != nil {
		return err
	}
	w.loaded.add(b.resourceType, int64(len(b.rows)), updated)
	return nil
}

func (w *writer) table(ctx context.Context, resourceType string) (*table, error) {
	if t, ok := w.tables[resourceType]; ok {
		return t, nil
	}
	t, err := openTable(ctx, w.tx, w.schema, resourceType)
	if err != nil {
		return nil, err
	}
	if w.tables == nil {
		w.tables = make(map[string]*table)
	}
	w.tables[resourceType] = t
	return t, nil
}

// copy sends a batch to a table. target is its quoted name, name the plain one.
func (w *writer) copy(ctx context.Context, b *batch, target, name string) error {
	sql := `COPY ` + target + ` (` + rowColumns + `) FROM STDIN (FORMAT binary)`
	_, err := w.tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b.copyData()), sql)
	if err != nil {
		return w.lineError(err, b, name)
	}
	return nil
}

// lineError converts the server's error for a row of a COPY into a LineError.
func (w *writer) lineError(err error, b *batch, name string) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	r, ok := b.rowAt(copyRow(pgErr.Where, name))
	if !ok {
		return err
	}
	if pgErr.Code == uniqueViolation {
		return w.duplicate(b, r)
	}
	if reason, ok := rowError(pgErr); ok {
		return &LineError{w.path, r.line, errors.New(reason)}
	}
	return err
}

func (w *writer) duplicate(b *batch, r rowMark) error {
	return &LineError{w.path, r.line, fmt.Errorf("duplicate %s/%s in this file", b.resourceType, b.id(r))}
}
