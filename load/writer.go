package load

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writer writes the batches of a file into their tables.
type writer struct {
	tx     pgx.Tx
	path   string
	schema string
	txid   int64 // of all rows

	tables  map[string]*table // by resource type
	written map[string]int64  // resources by type
	staged  bool              // reports whether the staging table exists
}

// write writes a batch into its table: directly if the table was empty, otherwise by
// the staging table, since there may be older versions.
func (w *writer) write(ctx context.Context, b *batch) error {
	t := w.tables[b.resourceType]
	if t == nil {
		var err error
		if t, err = openTable(ctx, w.tx, w.schema, b.resourceType); err != nil {
			return err
		}
		w.tables[b.resourceType] = t
	}
	w.written[b.resourceType] += int64(len(b.rows))
	if t.empty {
		return w.copy(ctx, b, w.schema, t.name)
	}
	return w.merge(ctx, b, t)
}

// rowColumns are the columns of a row.
const rowColumns = "id, txid, ts, cts, resource_type, status, resource"

// copy sends a batch to a table, whose name may be qualified.
func (w *writer) copy(ctx context.Context, b *batch, table ...string) error {
	rows := pgx.CopyFromSlice(len(b.rows), func(i int) ([]any, error) {
		r := &b.rows[i]
		return []any{r.id, w.txid, r.changed, r.created, b.resourceType, "created", r.resource}, nil
	})
	_, err := w.tx.CopyFrom(ctx, table, strings.Split(rowColumns, ", "), rows)
	return w.lineError(err, b, table[len(table)-1])
}

// lineError converts the server's error for a row of a COPY into a LineError.
func (w *writer) lineError(err error, b *batch, name string) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	n := copyRow(pgErr.Where, name)
	if n < 1 || n > len(b.rows) {
		return err
	}
	r := b.rows[n-1]
	if pgErr.Code == uniqueViolation {
		return w.duplicate(b, r)
	}
	if reason, ok := rowError(pgErr); ok {
		return &LineError{w.path, r.line, errors.New(reason)}
	}
	return err
}

func (w *writer) duplicate(b *batch, r row) error {
	return &LineError{w.path, r.line, fmt.Errorf("duplicate %s/%s in this file", b.resourceType, r.id)}
}
