package source

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Deletions selects the resources of a table that were deleted after a time.
type Deletions struct {
	// Table must have a history.
	Table catalog.Table

	// After excludes resources that were deleted at that time or before.
	After time.Time

	// Condition, if set, selects resources of which any version in the history meets it. The
	// table must have HasVersions. {rows} are the versions of deleted resources.
	Condition sqltext.Condition `json:"-"`
}

// deletionsSQL selects the ids that have a row after {after} in the history {history}
// and none in the table. When a resource is deleted, a row with the time of deletion
// is added to the history, by Aidbox with the status deleted, by Fhirbase with the
// status of the resource. So the status adds nothing to the absence from the table, and
// the columns id and ts are sufficient.
const deletionsSQL = `
SELECT DISTINCT h.id FROM {history} AS h
WHERE h.ts > {after} AND NOT EXISTS (SELECT FROM {table} AS r WHERE r.id = h.id)`

// versionsSQL selects those ids of {deleted} of which a version in the history meets a
// condition. These versions are few compared with the whole history, and are found by
// its primary key.
const versionsSQL = `WITH gone AS MATERIALIZED ({deleted})
SELECT gone.id FROM gone WHERE EXISTS (SELECT FROM {history} AS r WHERE r.id = gone.id AND ({condition}))`

// versionRowsSQL replaces {rows} in the condition.
const versionRowsSQL = `(SELECT r.id, r.ts, r.resource FROM gone JOIN {history} AS r ON r.id = gone.id)`

// IDs are the ids of deleted resources. They are used, and must be closed, like Rows.
type IDs struct {
	conn   *connpool.Conn
	cursor *cursor
	cancel context.CancelFunc
	id     []byte
	err    error
}

// Deletions returns the id of each resource that was deleted, once and in no
// particular order, as the Reader's snapshot shows it. A resource that was created
// again is not among them; one that was both created and deleted after the time
// is. It fails with ErrRewritten if the table or its history is no longer as the
// snapshot shows it.
func (r *Reader) Deletions(ctx context.Context, deletions Deletions) (*IDs, error) {
	for _, name := range []string{deletions.Table.Name, deletions.Table.HistoryName} {
		if err := r.lockAndVerify(ctx, false, deletions.Table.Schema, name); err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
	}
	cursor := deletions.query().start(ctx, r.conn.PgConn(), r.limiter)
	return &IDs{conn: r.conn, cursor: cursor, cancel: cursor.cancel}, nil
}

// Next advances to the next id and reports whether there is one.
func (d *IDs) Next() bool {
	if d.cursor == nil {
		return false
	}
	if d.cursor.next() {
		if d.id = d.cursor.values()[0]; d.id != nil {
			d.cursor.meter.add(len(d.id))
			return true
		}
		d.cursor.err = fmt.Errorf("source: %w", &catalog.ColumnError{Table: d.cursor.query.relation, Column: "id", Reason: "is null in a row"})
	}
	d.err = explain(d.conn, d.cursor.close())
	d.cursor = nil
	return false
}

// ID returns the current id. It is valid until the next call of Next or Close.
func (d *IDs) ID() []byte { return d.id }

// Err returns the error that ended the ids, if any.
func (d *IDs) Err() error { return d.err }

// Cancel makes Next return false soon.
func (d *IDs) Cancel() { d.cancel() }

// Close ends the query.
func (d *IDs) Close() {
	if d.cursor != nil {
		_ = d.cursor.close() // ended before its end
		d.cursor = nil
	}
}

func (d Deletions) query() query {
	name := catalog.Quote(d.Table.Schema, d.Table.HistoryName)
	q := query{relation: name, check: func(fields []pgconn.FieldDescription) error {
		if !slices.Contains(textTypes, fields[0].DataTypeOID) {
			return &catalog.ColumnError{Table: name, Column: "id", Reason: "is not of type text"}
		}
		return nil
	}}
	q.statement = d.statement()
	return q
}

func (d Deletions) statement() sqltext.Fragment {
	values := sqltext.Values{
		"history": sqltext.Text(d.Table.History()),
		"table":   sqltext.Text(d.Table.Quoted()),
		"after":   timeArg(d.After),
	}
	deleted := sqltext.New(deletionsSQL, values)
	if d.Condition.Where.IsEmpty() {
		return deleted
	}
	values["deleted"] = deleted
	values["condition"] = d.Condition.Where.Fill(sqltext.Values{sqltext.Rows: sqltext.New(versionRowsSQL, values)})
	return sqltext.New(versionsSQL, values)
}
