package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// withoutSQL is the resource without members {names}, separated by commas.
const withoutSQL = `CASE jsonb_typeof(r.resource) WHEN 'object' THEN r.resource - string_to_array({names}, ',') ELSE r.resource END`

// statement returns the SELECT of the scan's rows. It has no ORDER BY and no cursor, so
// that the first row comes at once.
func (scan Scan) statement() sqltext.Fragment {
	resource := sqltext.Text("r.resource")
	if len(scan.Without) > 0 {
		resource = sqltext.New(withoutSQL, sqltext.Values{"names": sqltext.Arg(strings.Join(scan.Without, ","), "text")})
	}
	relation, limits := scan.from(), scan.limits()
	conditions := conditions(scan.Only, scanRows(relation, limits), scan.Pages.ByLookup)
	return sqltext.New("SELECT {columns} FROM {relation} AS r{where}", sqltext.Values{
		"columns":  scan.columns(resource),
		"relation": relation,
		"where":    where(slices.Concat(limits, conditions)),
	})
}

// countLookup returns the statement that counts what the scan's Lookup finds, up to a
// limit.
func (scan Scan) countLookup(limit int64) sqltext.Fragment {
	return sqltext.New("SELECT count(*) FROM ({lookup} LIMIT {limit}) AS found", sqltext.Values{
		"lookup": scan.Only.Lookup.Fill(scanRows(scan.from(), scan.limits())),
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
func (scan Scan) columns(resource sqltext.Fragment) sqltext.Fragment {
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
