package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writer writes the batches of one file into their tables.
type writer struct {
	tx     pgx.Tx
	path   string
	schema string
	loaded *tally

	tables map[string]*table // by resource type
	staged bool              // the staging table is there
}

// write puts a batch into its table: straight when the table was empty, by way
// of the staging table when older versions may be there.
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

// copy sends a batch to a table; target is its quoted, name its plain name.
func (w *writer) copy(ctx context.Context, b *batch, target, name string) error {
	sql := `COPY ` + target + ` (` + rowColumns + `) FROM STDIN (FORMAT binary)`
	_, err := w.tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(b.stream()), sql)
	if err != nil {
		return w.blame(err, b, name)
	}
	return nil
}

// blame turns what the server says against one row of a COPY into the fault of
// the line that the row came from.
func (w *writer) blame(err error, b *batch, name string) error {
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
	if reason, ok := rowFault(pgErr); ok {
		return &LineError{w.path, r.line, errors.New(reason)}
	}
	return err
}

func (w *writer) duplicate(b *batch, r rowMark) error {
	return &LineError{w.path, r.line, fmt.Errorf("%s with id %q stands in this file twice", b.resourceType, b.id(r))}
}
