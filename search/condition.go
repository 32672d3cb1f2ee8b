package search

import (
	"strconv"
	"strings"
)

// Condition says which rows of a FHIR table are wanted. The zero value wants
// them all.
type Condition struct {
	// where and set write their SQL and bind their arguments.
	where func(*arguments) string
	keys  string
	set   func(*arguments) string
}

// Clause is a condition as SQL. It calls the row r.
type Clause struct {
	// Where is a boolean expression; empty, it holds for every row.
	Where string

	// Keys and Set, if set, leave the rows of which a key is in a set: Keys is an
	// expression that returns texts, several or none for a row, Set a SELECT of
	// one column named key.
	Keys, Set string

	// Args are the values of the placeholders $1, $2, … as text; the SQL says of
	// which type each is.
	Args []string
}

// SQL writes the condition, with its placeholders numbered from $1.
func (c Condition) SQL() Clause {
	var args arguments
	var clause Clause
	if c.where != nil {
		clause.Where = c.where(&args)
	}
	if c.set != nil {
		clause.Keys, clause.Set = c.keys, c.set(&args)
	}
	clause.Args = args.values
	return clause
}

// All wants the rows that every condition wants. At most one of them may be of
// OfPatients or OfGroup.
func All(conditions ...Condition) Condition {
	all := combine(conditions, " AND ")
	for _, c := range conditions {
		if c.set != nil {
			all.keys, all.set = c.keys, c.set
		}
	}
	return all
}

// Any wants the rows that at least one of the filters wants; without filters,
// every row.
func Any(filters ...Filter) Condition {
	conditions := make([]Condition, len(filters))
	for i, f := range filters {
		if conditions[i] = f.Condition(); conditions[i].where == nil {
			return Condition{} // one that wants every row
		}
	}
	return combine(conditions, " OR ")
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
type arguments struct{ values []string }

// bind adds a value and returns its placeholder with a cast to an SQL type.
func (a *arguments) bind(value, sqlType string) string {
	a.values = append(a.values, value)
	return "$" + strconv.Itoa(len(a.values)) + "::" + sqlType
}
