package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// storedSQL is the stored form of a resource.
const storedSQL = `({resource})` + form.Cast

// withoutSQL is the resource without the members {names}, a list separated by commas.
const withoutSQL = `CASE jsonb_typeof(r.resource) WHEN 'object' THEN r.resource - string_to_array({names}, ',') ELSE r.resource END`

// statement returns the SELECT of the scan's rows, with the resource in its stored form
// or as text. It has no ORDER BY and no cursor, so that the first row comes at once.
func (scan Scan) statement(stored bool) sqltext.Fragment {
	resource := sqltext.Text("r.resource")
	if len(scan.OmitMembers) > 0 {
		resource = sqltext.New(withoutSQL, sqltext.Values{"names": sqltext.Arg(strings.Join(scan.OmitMembers, ","), "text")})
	}
	relation, limits := scan.from(), scan.limits()
	conditions := conditions(scan.Condition, scanRows(relation, limits), scan.Pages.ByLookup)
	return sqltext.New("SELECT {columns} FROM {relation} AS r{where}", sqltext.Values{
		"columns":  scan.columns(resource, stored),
		"relation": relation,
		"where":    where(slices.Concat(limits, conditions)),
	})
}

// countLookup returns the statement that counts what the scan's Lookup finds, up to a
// limit.
func (scan Scan) countLookup(limit int64) sqltext.Fragment {
	return sqltext.New("SELECT count(*) FROM ({lookup} LIMIT {limit}) AS found", sqltext.Values{
		"lookup": scan.Condition.Lookup.Fill(scanRows(scan.from(), scan.limits())),
		"limit":  sqltext.Text(strconv.FormatInt(limit, 10)),
	})
}

// relation returns the name of what is read: one relation only, or the table with all
// that belongs to it.
func (scan Scan) relation() (schema, name string, only bool) {
	if scan.Pages.Name != "" {
		return scan.Pages.Schema, scan.Pages.Name, true
	}
	return scan.Table.Schema, scan.Table.Name, false
}

// from returns the relation as an item of a FROM, without an alias.
func (scan Scan) from() sqltext.Fragment {
	schema, name, only := scan.relation()
	return sqltext.Text(scan.Table.From(schema, name, only))
}

// columns returns those that checkColumns expects, of a row r with a resource.
func (scan Scan) columns(resource sqltext.Fragment, stored bool) sqltext.Fragment {
	if stored {
		resource = sqltext.New(storedSQL, sqltext.Values{"resource": resource})
	}
	created := "NULL::timestamptz"
	if scan.Table.HasCreated {
		created = "r.cts"
	}
	return sqltext.Concat(sqltext.Text("r.id, r.txid, r.ts, "+created+", "), resource)
}

// limits returns the conditions that limit the scan by times and pages.
func (scan Scan) limits() (limits []sqltext.Fragment) {
	createdColumn := "r.ts"
	if scan.Table.HasCreated {
		createdColumn = "r.cts"
	}
	for _, bound := range []struct {
		comparison string
		at         time.Time
	}{
		{createdColumn + " > {at}", scan.CreatedAfter},
		{"r.ts > {at}", scan.ChangedAfter},
		{"r.ts < {at}", scan.ChangedBefore},
	} {
		if !bound.at.IsZero() {
			limits = append(limits, sqltext.New(bound.comparison, sqltext.Values{"at": timeArg(bound.at)}))
		}
	}
	if scan.Pages.From > 0 {
		limits = append(limits, sqltext.Text(fmt.Sprintf("r.ctid >= '(%d,0)'", scan.Pages.From)))
	}
	if scan.Pages.To > 0 {
		limits = append(limits, sqltext.Text(fmt.Sprintf("r.ctid < '(%d,0)'", scan.Pages.To)))
	}
	return limits
}

// timeArg returns an argument of type timestamptz.
func timeArg(t time.Time) sqltext.Fragment {
	return sqltext.Arg(t.UTC().Format("2006-01-02 15:04:05.999999Z07:00"), "timestamptz")
}

// scanRows returns the value of {rows} in a condition: the rows of a relation within
// limits.
func scanRows(relation sqltext.Fragment, limits []sqltext.Fragment) sqltext.Values {
	return sqltext.Values{sqltext.Rows: sqltext.New("(SELECT r.ctid, r.id, r.ts, r.resource FROM {relation} AS r{where})", sqltext.Values{
		"relation": relation, "where": where(limits),
	})}
}

// conditions returns the boolean expressions of a condition. With byLookup, they include
// one on the rows that its Lookup finds.
func conditions(c sqltext.Condition, rows sqltext.Values, byLookup bool) []sqltext.Fragment {
	var all []sqltext.Fragment
	if byLookup {
		// The server reads a list of addresses in their order, each once.
		all = append(all, sqltext.New("r.ctid = ANY (ARRAY({lookup}))", sqltext.Values{"lookup": c.Lookup.Fill(rows)}))
	}
	if !c.Where.IsEmpty() {
		all = append(all, sqltext.New("({where})", sqltext.Values{"where": c.Where.Fill(rows)}))
	}
	return all
}

// where returns the WHERE of a statement, which is empty without conditions.
func where(conditions []sqltext.Fragment) sqltext.Fragment {
	if len(conditions) == 0 {
		return sqltext.Fragment{}
	}
	return sqltext.Concat(sqltext.Text(" WHERE "), sqltext.Join(conditions, " AND "))
}
