package search

import (
	"time"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Target is a table of resources that Provenance can be about.
type Target struct {
	// Type is the type of the resources.
	Type string

	// Table is what SQL calls the table, quoted.
	Table string

	// Only says which of them count.
	Only sqltext.Condition
}

// Provenance says about which resources Provenance is wanted.
type Provenance struct {
	// Whose, if set, are the patients in whose compartments the resources are.
	Whose *Patients

	// Targets are the tables of the resources. What the others have is not wanted.
	Targets []Target

	// Referred means that it counts as being about a patient to refer to one,
	// who need not be there: the Provenance is then in the compartment itself.
	Referred bool

	// Latest, if set, is the table of Provenance, quoted: of all about a resource,
	// only the one that was recorded last is wanted.
	Latest string
}

// Changed returns the condition that holds for the rows that were last changed after a
// time and before another, where these are set.
func Changed(after, before time.Time) sqltext.Condition {
	return sqltext.Condition{Where: combine([]sqltext.Fragment{changed("r.ts > {at}", after), changed("r.ts < {at}", before)}, " AND ")}
}

func changed(template string, at time.Time) sqltext.Fragment {
	if at.IsZero() {
		return sqltext.Fragment{}
	}
	return sqltext.New(template, sqltext.Values{"at": sqltext.Arg(postgres(at.UTC()), "timestamptz")})
}

const (
	// targetsSQL are the targets of the Provenance {table}: what a reference, or one to
	// a version, leads to. Few have more than one, of a hundred that the planner
	// expects; a condition that always holds, and that it believes in one case of
	// 200, corrects that.
	targetsSQL = `SELECT p.id AS provenance, p.resource, p.ts, target.found[1] AS type, target.found[2] AS id FROM {table} AS p
CROSS JOIN LATERAL jsonb_array_elements(jsonb_path_query_array(p.resource, '$."target"[*]')) AS reference (v)
CROSS JOIN LATERAL (SELECT {target} AS found OFFSET 0) AS target
WHERE length(target.found[1]) BETWEEN 0 AND 2147483647`

	// latestSQL are the targets, each with the Provenance that was recorded last:
	// times of different zones are compared as times.
	latestSQL = `SELECT DISTINCT ON (t.type, t.id) t.provenance, t.type, t.id FROM ({targets}) AS t
ORDER BY t.type, t.id, {recorded} DESC NULLS LAST, t.ts DESC NULLS LAST, t.provenance`

	wantedSQL = `WITH target AS MATERIALIZED ({targets}) SELECT {columns} FROM ({found} OFFSET 0) AS found`

	// referredSQL are the patients that targets are, whether they exist or not.
	referredSQL = `SELECT target.provenance, target.id AS patient FROM target WHERE target.type = 'Patient'`

	// foundSQL are the Provenance about the resources of a table.
	foundSQL = `SELECT target.provenance, {patient} AS patient FROM target JOIN {table} AS r ON r.id = target.id{references} WHERE target.type = '{type}'`
)

// Condition returns the condition on the rows of Provenance.
func (p Provenance) Condition() sqltext.Condition {
	wanted := p.wanted("found.provenance")
	if wanted.IsEmpty() {
		return sqltext.Condition{Where: never}
	}
	return sqltext.Condition{Where: isIn(sqltext.Text("r.id"), wanted)}
}

// Keys returns a SELECT of the ids of the Provenance among {rows}, as in a
// sqltext.Condition, in the column id, and in the column key of the ids of the patients
// in whose compartments the resources are; Whose must be set. A pair can come more than
// once.
func (p Provenance) Keys() sqltext.Fragment {
	wanted := p.wanted("found.provenance AS id, found.patient AS key")
	if wanted.IsEmpty() {
		return sqltext.Text("SELECT NULL::text AS id, NULL::text AS key WHERE false")
	}
	return wanted
}

// wanted returns a SELECT of columns of what is found; empty if nothing can be. The
// targets are taken as a set, and those of each type looked up in its table together,
// by its primary key.
func (p Provenance) wanted(columns string) sqltext.Fragment {
	found := p.found()
	if len(found) == 0 {
		return sqltext.Fragment{}
	}
	targets := sqltext.New("SELECT t.provenance, t.type, t.id FROM ({targets}) AS t", sqltext.Values{
		"targets": targetsOf(sqltext.New("{rows}", nil)),
	})
	if p.Latest != "" {
		targets = sqltext.New(latestSQL, sqltext.Values{
			"targets":  targetsOf(sqltext.Text(p.Latest)),
			"recorded": moment("(t.resource ->> 'recorded')"),
		})
	}
	wanted := sqltext.New(wantedSQL, sqltext.Values{
		"targets": targets,
		"columns": sqltext.Text(columns),
		"found":   sqltext.Join(found, " UNION ALL "),
	})
	if p.Whose != nil {
		wanted = sqltext.Join([]sqltext.Fragment{wanted, p.Whose.contain(sqltext.Text("found.patient"))}, " WHERE ")
	}
	return wanted
}

// targetsOf returns the targets of the Provenance in a table.
func targetsOf(table sqltext.Fragment) sqltext.Fragment {
	return sqltext.New(targetsSQL, sqltext.Values{"table": table, "target": target("reference.v")})
}

// found returns a SELECT for each table: the Provenance about its resources, and the
// ids of the patients in whose compartments these are.
func (p Provenance) found() []sqltext.Fragment {
	var found []sqltext.Fragment
	if p.Referred {
		found = append(found, sqltext.Text(referredSQL))
	}
	for _, t := range p.Targets {
		values := sqltext.Values{
			"patient":    sqltext.Text("NULL::text"),
			"table":      sqltext.Text(t.Table),
			"references": sqltext.Fragment{},
			"type":       sqltext.Text(t.Type),
		}
		if p.Whose != nil {
			if !InCompartment(t.Type) {
				continue
			}
			values["patient"] = patientSQL
			values["references"] = sqltext.Concat(sqltext.Text(" CROSS JOIN LATERAL "), patientReferences(t.Type, "r"))
		}
		one := sqltext.New(foundSQL, values)
		if !t.Only.Where.IsEmpty() {
			one = sqltext.New("{one} AND ({only})", sqltext.Values{"one": one, "only": t.Only.Where})
		}
		found = append(found, one)
	}
	return found
}
