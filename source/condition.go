package source

import "strings"

// Condition narrows a scan by what the caller knows of the rows and this
// package does not. It calls the row r, as in r.id, r.ts or r.resource.
type Condition struct {
	// Where is a boolean expression; empty, it holds for every row. In it, {rows}
	// stands for the rows that the scan would read without it, with their columns
	// ctid, id, ts and resource.
	Where string

	// Lookup, if set, is a SELECT of the ctid of rows among {rows}: of all that
	// Where holds for, and maybe of others. It is for indexes: Snapshot.PlanIndexes
	// finds out whether they serve it.
	Lookup string

	// Args are the values of the placeholders $1, $2, … as text. The expressions
	// say of what type each is, as in $1::jsonb. Where has all of them, Lookup the
	// first LookupArgs.
	Args       []string
	LookupArgs int
}

// rowsMark is what stands in a Condition for the rows of the scan.
const rowsMark = "{rows}"

// conditions returns what a scan of relation has to ask for, besides the limits
// that it has anyway.
func (c Condition) conditions(relation string, limits []string, byLookup bool) []string {
	var all []string
	if byLookup {
		// The server reads a list of addresses in their order, each once.
		all = append(all, "r.ctid = ANY (ARRAY("+c.lookup(relation, limits)+"))")
	}
	if c.Where != "" {
		all = append(all, "("+fillIn(c.Where, relation, limits)+")")
	}
	return all
}

// lookup is the statement of Lookup.
func (c Condition) lookup(relation string, limits []string) string {
	return fillIn(c.Lookup, relation, limits)
}

// fillIn writes the rows of the scan where they are meant.
func fillIn(sql, relation string, limits []string) string {
	return strings.ReplaceAll(sql, rowsMark, "(SELECT r.ctid, "+rowColumns+" FROM "+relation+where(limits)+")")
}

// rowColumns are the columns of the rows that a Condition may look at.
const rowColumns = "r.id, r.ts, r.resource"

// where is the WHERE of a statement, empty without conditions.
func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// bind adds arguments in text form, of whatever type the statement says.
func (q *query) bind(args []string) {
	for _, arg := range args {
		q.params = append(q.params, []byte(arg))
		q.types = append(q.types, 0)
	}
}
