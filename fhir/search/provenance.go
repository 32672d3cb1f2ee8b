package search

import (
	"time"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Target is a table of resources that Provenance can refer to.
type Target struct {
	// Type is the type of the resources.
	Type string

	// Table is the table as a quoted identifier.
	Table string

	// Only selects resources of the table.
	Only sqltext.Condition
}

// Provenance selects Provenance by the resources it refers to.
type Provenance struct {
	// Patients, if set, selects resources in the compartments of these patients.
	Patients *Patients

	// Targets are the tables of the resources. Other targets are ignored.
	Targets []Target

	// Referred also selects Provenance that refers to a patient, which need not exist:
	// the Provenance is then in the compartment itself.
	Referred bool

	// Latest, if set, is the table of Provenance as a quoted identifier. Only the
	// Provenance that was recorded last for a resource is selected.
	Latest string
}

// Changed returns the condition for the rows that were last changed after a time and
// before another, if these are set.
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
	// targetsSQL are the targets of the Provenance in {table}, also of references to a
	// version. Few have more than one, but the planner expects a hundred; a condition
	// that is always true, and whose selectivity it estimates as 1 in 200, corrects
	// that.
	targetsSQL = `SELECT p.id AS provenance, p.resource, p.ts, target.found[1] AS type, target.found[2] AS id FROM {table} AS p
CROSS JOIN LATERAL jsonb_array_elements(jsonb_path_query_array(p.resource, '$."target"[*]')) AS reference (v)
CROSS JOIN LATERAL (SELECT {target} AS found OFFSET 0) AS target
WHERE length(target.found[1]) BETWEEN 0 AND 2147483647`

	// latestSQL are the targets, each with the Provenance that was recorded last. Times
	// in different time zones are compared as times.
	latestSQL = `SELECT DISTINCT ON (t.type, t.id) t.provenance, t.type, t.id FROM ({targets}) AS t
ORDER BY t.type, t.id, {recorded} DESC NULLS LAST, t.ts DESC NULLS LAST, t.provenance`

	wantedSQL = `WITH target AS MATERIALIZED ({targets}) SELECT {columns} FROM ({found} OFFSET 0) AS found`

	// referredSQL are the targets that are patients, whether they exist or not.
	referredSQL = `SELECT target.provenance, target.id AS patient FROM target WHERE target.type = 'Patient'`

	// foundSQL is the Provenance that refers to resources of a table.
	foundSQL = `SELECT target.provenance, {patient} AS patient FROM target JOIN {table} AS r ON r.id = target.id{references} WHERE target.type = '{type}'`
)

// Condition returns the condition for the rows of Provenance.
func (p Provenance) Condition() sqltext.Condition {
	wanted := p.wanted("found.provenance")
	if wanted.IsEmpty() {
		return sqltext.Condition{Where: never}
	}
	return sqltext.Condition{Where: isIn(sqltext.Text("r.id"), wanted)}
}

// Keys returns a SELECT of the column id, the ids of the Provenance among {rows}, as in a
// sqltext.Condition, and the column key, the ids of the patients in whose compartments
// the resources are. Patients must be set. Rows can be duplicate.
func (p Provenance) Keys() sqltext.Fragment {
	wanted := p.wanted("found.provenance AS id, found.patient AS key")
	if wanted.IsEmpty() {
		return sqltext.Text("SELECT NULL::text AS id, NULL::text AS key WHERE false")
	}
	return wanted
}

// wanted returns a SELECT of columns of the Provenance found, or an empty fragment if
// there can be none. The targets of each type are looked up together in its table, by
// the primary key.
func (p Provenance) wanted(columns string) sqltext.Fragment {
	found := p.found()
	if len(found) == 0 {
		return sqltext.Fragment{}
	}
	targets := sqltext.New("SELECT t.provenance, t.type, t.id FROM ({targets}) AS t", sqltext.Values{
		"targets": targetsIn(sqltext.New("{rows}", nil)),
	})
	if p.Latest != "" {
		targets = sqltext.New(latestSQL, sqltext.Values{
			"targets":  targetsIn(sqltext.Text(p.Latest)),
			"recorded": moment("(t.resource ->> 'recorded')"),
		})
	}
	wanted := sqltext.New(wantedSQL, sqltext.Values{
		"targets": targets,
		"columns": sqltext.Text(columns),
		"found":   sqltext.Join(found, " UNION ALL "),
	})
	if p.Patients != nil {
		wanted = sqltext.Join([]sqltext.Fragment{wanted, p.Patients.contain(sqltext.Text("found.patient"))}, " WHERE ")
	}
	return wanted
}

// targetsIn returns the targets of the Provenance in a table.
func targetsIn(table sqltext.Fragment) sqltext.Fragment {
	return sqltext.New(targetsSQL, sqltext.Values{"table": table, "target": target("reference.v")})
}

// found returns a SELECT for each table: the Provenance that refers to its resources, and
// the ids of the patients in whose compartments these are.
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
		if p.Patients != nil {
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
