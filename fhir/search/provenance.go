package search

import (
	"strings"
	"time"
)

// Target is a table of resources that Provenance can be about.
type Target struct {
	// Type is the type of the resources.
	Type string

	// Table is what SQL calls the table, quoted.
	Table string

	// Only says which of them count.
	Only Condition
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

// Changed wants the rows that were last changed after a time and before another,
// where these are set.
func Changed(after, before time.Time) Condition {
	return combine([]Condition{changed(">", after), changed("<", before)}, " AND ")
}

func changed(operator string, at time.Time) Condition {
	if at.IsZero() {
		return Condition{}
	}
	return Condition{where: func(args *arguments) string {
		return "r.ts " + operator + " " + args.bind(postgres(at.UTC()), "timestamptz")
	}}
}

const (
	// targetsSQL are the targets of the Provenance %p: what a reference, or one to
	// a version, leads to. Few have more than one, of a hundred that the planner
	// expects; a condition that always holds, and that it believes in one case of
	// 200, corrects that.
	targetsSQL = `SELECT p.id AS provenance, p.resource, p.ts, target.found[1] AS type, target.found[2] AS id FROM %p AS p
CROSS JOIN LATERAL jsonb_array_elements(jsonb_path_query_array(p.resource, '$."target"[*]')) AS reference (v)
CROSS JOIN LATERAL (SELECT %r AS found OFFSET 0) AS target
WHERE length(target.found[1]) BETWEEN 0 AND 2147483647`

	// latestSQL are the targets, each with the Provenance that was recorded last:
	// times of different zones are compared as times.
	latestSQL = `SELECT DISTINCT ON (t.type, t.id) t.provenance, t.type, t.id FROM (%t) AS t
ORDER BY t.type, t.id, %m DESC NULLS LAST, t.ts DESC NULLS LAST, t.provenance`
)

// Condition wants the rows of Provenance.
func (p Provenance) Condition() Condition {
	return Condition{where: func(args *arguments) string {
		wanted := p.wanted("found.provenance", args)
		if wanted == "" {
			return "false"
		}
		return isIn("r.id", wanted)
	}}
}

// Keys returns the ids of the Provenance among {rows}, as in a Clause, in the
// column id, and in the column key the ids of the patients, who must be set, in
// whose compartments the resources are. A pair can come more than once.
func (p Provenance) Keys() Query {
	return write(func(args *arguments) string {
		wanted := p.wanted("found.provenance AS id, found.patient AS key", args)
		if wanted == "" {
			return "SELECT NULL::text AS id, NULL::text AS key WHERE false"
		}
		return wanted
	})
}

// wanted writes a SELECT of columns of what is found and wanted; empty if nothing
// can be. The targets are taken as a set, and those of each type looked up in its
// table together, by its primary key.
func (p Provenance) wanted(columns string, args *arguments) string {
	targets := "SELECT t.provenance, t.type, t.id FROM (" + targetsOf("{rows}") + ") AS t"
	if p.Latest != "" {
		targets = strings.NewReplacer(
			"%t", targetsOf(p.Latest), "%m", moment("(t.resource ->> 'recorded')"),
		).Replace(latestSQL)
	}
	found := p.found(args)
	if len(found) == 0 {
		return ""
	}
	wanted := "WITH target AS MATERIALIZED (" + targets + ") SELECT " + columns + " FROM (" + strings.Join(found, " UNION ALL ") + " OFFSET 0) AS found"
	if p.Whose != nil {
		wanted += " WHERE " + p.Whose.among("found.patient", args)
	}
	return wanted
}

// targetsOf writes the targets of the Provenance in a table.
func targetsOf(table string) string {
	return strings.NewReplacer("%p", table, "%r", target("reference.v")).Replace(targetsSQL)
}

// found writes a SELECT for each table: the Provenance about its resources, and
// the ids of the patients in whose compartments these are.
func (p Provenance) found(args *arguments) []string {
	var found []string
	if p.Referred {
		found = append(found, "SELECT target.provenance, target.id AS patient FROM target WHERE target.type = 'Patient'")
	}
	for _, t := range p.Targets {
		patient, references := "NULL::text", ""
		if p.Whose != nil {
			if !InCompartment(t.Type) {
				continue
			}
			patient, references = patientSQL, " CROSS JOIN LATERAL "+referencesSQL(t.Type, "r")
		}
		one := "SELECT target.provenance, " + patient + " AS patient FROM target JOIN " + t.Table + " AS r ON r.id = target.id" +
			references + " WHERE target.type = '" + t.Type + "'"
		if t.Only.where != nil {
			one += " AND (" + t.Only.where(args) + ")"
		}
		found = append(found, one)
	}
	return found
}
