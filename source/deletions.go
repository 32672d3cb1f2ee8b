package source

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Deletions says which deleted resources to read: those of a table that have
// gone after a time.
type Deletions struct {
	// Table has a history.
	Table Table

	// After leaves out what was deleted at that time or before.
	After time.Time

	// Only, if set, leaves out resources that did not meet it in any version that
	// the history has. The table must have HasVersions. {rows} are the versions of
	// what was deleted.
	Only Condition
}

// historySuffix ends the name of a table's history, unless Config.Tables names it.
const historySuffix = "_history"

// deletionsSQL finds the ids that the history (%[1]s) has a row of after $1 and
// the table (%[2]s) has no longer. Whoever deletes a resource leaves a row with
// the time of that in the history: Aidbox one of status deleted, Fhirbase one
// with the status the resource had. So the status says nothing that the absence
// of the resource does not, and the columns id and ts are enough.
const deletionsSQL = `
SELECT DISTINCT h.id FROM %[1]s AS h
WHERE h.ts > %[3]s AND NOT EXISTS (SELECT FROM %[2]s AS r WHERE r.id = h.id)`

// versionsSQL leaves of these (%[1]s) the ones of which a version in the history
// (%[2]s) meets a condition (%[3]s). The versions are few beside all that the
// history has, and found by its primary key.
const versionsSQL = `WITH gone AS MATERIALIZED (%[1]s)
SELECT gone.id FROM gone WHERE EXISTS (SELECT FROM %[2]s AS r WHERE r.id = gone.id AND (%[3]s))`

// IDs are the ids of deleted resources. They are used, and must be closed, as Rows.
type IDs struct {
	conn   *connection
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
		if err := r.pin(ctx, false, deletions.Table.Schema, name); err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
	}
	cursor := deletions.query().start(ctx, r.conn.pg(), r.limiter)
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
		d.cursor.err = fmt.Errorf("source: %w", &ColumnError{Table: d.cursor.query.relation, Column: "id", Reason: "is null in a row"})
	}
	d.err = d.conn.explain(d.cursor.close())
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
	history := d.Table.History()
	name := quote(d.Table.Schema, d.Table.HistoryName)
	q := query{relation: name, check: func(fields []pgconn.FieldDescription) error {
		if !slices.Contains(textTypes, fields[0].DataTypeOID) {
			return &ColumnError{Table: name, Column: "id", Reason: "is not of type text"}
		}
		return nil
	}}
	q.bind(d.Only.Args)
	q.params = append(q.params, formatTime(d.After))
	q.types = append(q.types, pgtype.TimestamptzOID)
	q.sql = fmt.Sprintf(deletionsSQL, history, d.Table.Quoted(), "$"+strconv.Itoa(len(q.params)))
	if d.Only.Where != "" {
		versions := "(SELECT " + rowColumns + " FROM gone JOIN " + history + " AS r ON r.id = gone.id)"
		q.sql = fmt.Sprintf(versionsSQL, q.sql, history, strings.ReplaceAll(d.Only.Where, rowsMark, versions))
	}
	return q
}
