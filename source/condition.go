package source

import "strings"

// Condition narrows a scan by what the caller knows of the rows and this
// package does not. It calls the row r, as in r.id, r.ts or r.resource.
type Condition struct {
	// Where is a boolean expression; empty, it holds for every row.
	Where string

	// Join, if set, follows the table in a FROM, as in "JOIN … ON …", and may
	// multiply its rows: one that is left at least once meets the condition.
	// The table is then read twice, within the same blocks, so that the server
	// can join sets instead of asking for each row.
	Join string

	// Args are the values of the placeholders $1, $2, … in Where and Join, as
	// text. The expressions say of what type each is, as in $1::jsonb.
	Args []string
}

// conditions returns what a scan of relation has to ask for, besides the given
// conditions that limit it. Those are repeated where the table is read again.
func (c Condition) conditions(relation string, limits []string) []string {
	var all []string
	if c.Where != "" {
		all = append(all, "("+c.Where+")")
	}
	if c.Join != "" {
		all = append(all, "r.id IN (SELECT r.id FROM "+relation+" "+c.Join+where(limits)+")")
	}
	return all
}

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
