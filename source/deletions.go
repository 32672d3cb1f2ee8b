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

// Deletions hands fn the id of each resource that was deleted, once and in no
// order that is promised, as the Reader's snapshot shows it. One that was created
// again is not among them; one that was both created and deleted after the time
// is. The bytes are valid until fn returns. Otherwise it is as Scan.
func (r *Reader) Deletions(ctx context.Context, deletions Deletions, fn func(id []byte) error) error {
	for _, name := range []string{deletions.Table.Name, deletions.Table.HistoryName} {
		if err := r.pin(ctx, false, deletions.Table.Schema, name); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	return r.conn.run(ctx, deletions.query(fn), r.pace)
}

func (d Deletions) query(fn func(id []byte) error) query {
	history := d.Table.History()
	name := quote(d.Table.Schema, d.Table.HistoryName)
	q := query{
		relation: name,
		check: func(fields []pgconn.FieldDescription) error {
			if !slices.Contains(textTypes, fields[0].DataTypeOID) {
				return &ColumnError{Table: name, Column: "id", Reason: "is not of type text"}
			}
			return nil
		},
		each: func(values [][]byte) (size int, err error) {
			if values[0] == nil {
				return 0, fmt.Errorf("source: %w", &ColumnError{Table: name, Column: "id", Reason: "is null in a row"})
			}
			return len(values[0]), fn(values[0])
		},
	}
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
