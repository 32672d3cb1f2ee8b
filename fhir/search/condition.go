package search

import (
	"slices"
	"strconv"
	"strings"
)

// Condition says which rows of a FHIR table are wanted. The zero value wants
// them all.
type Condition struct {
	// where and lookup write their SQL and bind their arguments.
	where  func(*arguments) string
	lookup func(*arguments) string
}

// Clause is a condition as SQL. It calls the row r; {rows} stands for all rows
// among which those are that are wanted, with their columns ctid, id, ts and
// resource.
type Clause struct {
	// Where is a boolean expression; empty, it holds for every row.
	Where string

	// Lookup, if set, is a SELECT of the ctid of rows among {rows}: of those that
	// Where holds for, and maybe of others. It is fast where an index over the
	// documents serves it, and slow without.
	Lookup string

	// Args are the values of the placeholders $1, $2, … in both, as text; the SQL
	// says of which type each is. Where has all of them, Lookup the first LookupArgs.
	Args       []string
	LookupArgs int
}

// SQL writes the condition, with its placeholders numbered from $1.
func (c Condition) SQL() Clause {
	var args arguments
	var clause Clause
	if c.lookup != nil {
		clause.Lookup = c.lookup(&args)
		clause.LookupArgs = len(args.values)
	}
	if c.where != nil {
		clause.Where = c.where(&args)
	}
	clause.Args = args.values
	return clause
}

// All wants the rows that every condition wants.
func All(conditions ...Condition) Condition {
	all := combine(conditions, " AND ")
	for _, c := range conditions {
		if c.lookup != nil {
			all.lookup = c.lookup // of several, one is enough
			break
		}
	}
	return all
}

// Any wants the rows that at least one of the filters wants; without filters,
// every row.
func Any(filters ...Filter) Condition {
	conditions := make([]Condition, len(filters))
	references := false
	for i, f := range filters {
		if conditions[i] = f.Condition(); conditions[i].where == nil {
			return Condition{} // one that wants every row
		}
		references = references || f.references
	}
	found := combine(conditions, " OR ")
	if references {
		found.lookup = lookupBy(found.where)
	}
	return found
}

// lookupBy makes a lookup of an expression that is written for an index. It
// contains the same arguments.
func lookupBy(where func(*arguments) string) func(*arguments) string {
	return func(args *arguments) string {
		args.indexed = true
		defer func() { args.indexed = false }()
		return "SELECT r.ctid FROM {rows} AS r WHERE " + where(args)
	}
}

// combine joins the boolean expressions of conditions that have one.
func combine(conditions []Condition, operator string) Condition {
	var wheres []func(*arguments) string
	for _, c := range conditions {
		if c.where != nil {
			wheres = append(wheres, c.where)
		}
	}
	switch len(wheres) {
	case 0:
		return Condition{}
	case 1:
		return Condition{where: wheres[0]}
	}
	return Condition{where: func(args *arguments) string {
		parts := make([]string, len(wheres))
		for i, where := range wheres {
			parts[i] = "(" + where(args) + ")"
		}
		return strings.Join(parts, operator)
	}}
}

// arguments collects the values of a statement's placeholders.
type arguments struct {
	values, types []string
	indexed       bool // what is written is for an index
}

// bind adds a value, unless it is there already, and returns its placeholder with
// a cast to an SQL type.
func (a *arguments) bind(value, sqlType string) string {
	at := slices.Index(a.values, value)
	if at < 0 || a.types[at] != sqlType {
		at = len(a.values)
		a.values, a.types = append(a.values, value), append(a.types, sqlType)
	}
	return "$" + strconv.Itoa(at+1) + "::" + sqlType
}
