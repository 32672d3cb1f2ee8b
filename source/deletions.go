package source

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/sqltext"
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
	Only sqltext.Condition `json:"-"`
}

// historySuffix ends the name of a table's history, unless Config.Tables names it.
const historySuffix = "_history"

// deletionsSQL finds the ids that the history {history} has a row of after {after}
// and the table has no longer. Whoever deletes a resource leaves a row with
// the time of that in the history: Aidbox one of status deleted, Fhirbase one
// with the status the resource had. So the status says nothing that the absence
// of the resource does not, and the columns id and ts are enough.
const deletionsSQL = `
SELECT DISTINCT h.id FROM {history} AS h
WHERE h.ts > {after} AND NOT EXISTS (SELECT FROM {table} AS r WHERE r.id = h.id)`

// versionsSQL leaves of these, {deleted}, the ones of which a version in the history
// meets a condition. The versions are few beside all that the
// history has, and found by its primary key.
const versionsSQL = `WITH gone AS MATERIALIZED ({deleted})
SELECT gone.id FROM gone WHERE EXISTS (SELECT FROM {history} AS r WHERE r.id = gone.id AND ({condition}))`

// versionRowsSQL is what {rows} of the condition stands for.
const versionRowsSQL = `(SELECT r.id, r.ts, r.resource FROM gone JOIN {history} AS r ON r.id = gone.id)`

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
	if d.Only.Where.IsEmpty() {
		return deleted
	}
	values["deleted"] = deleted
	values["condition"] = d.Only.Where.Fill(sqltext.Values{sqltext.Rows: sqltext.New(versionRowsSQL, values)})
	return sqltext.New(versionsSQL, values)
}
