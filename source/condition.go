package source

import (
	"fmt"
	"strings"
)

// Condition narrows a scan by what the caller knows of the rows and this
// package does not. It calls the row r, as in r.id, r.ts or r.resource.
type Condition struct {
	// Where is a boolean expression; empty, it holds for every row.
	Where string

	// Keys and Set, if set, leave the rows of which a key is in a set. Keys is an
	// expression that may return several texts for a row; Set is a SELECT of one
	// column named key. The table is then read twice, within the same blocks, so
	// that the server joins sets instead of asking for each row.
	Keys, Set string

	// Args are the values of the placeholders $1, $2, … in all of them, as
	// text. The expressions say of what type each is, as in $1::jsonb.
	Args []string
}

// keysSQL are the ids of the rows of %[1]s with a key (%[2]s) in the set %[4]s,
// where %[3]s limits the rows. OFFSET 0 keeps the planner from joining the keys
// of one row at a time with the whole set. It believes that each row has a
// hundred keys, and would rather keep the rows than their ids; a condition that
// always holds, and that it believes in one case of 200, corrects that.
const keysSQL = `r.id IN (SELECT DISTINCT k.id FROM (SELECT r.id, %[2]s AS key FROM %[1]s%[3]s OFFSET 0) AS k
JOIN (%[4]s) AS s ON s.key = k.key WHERE length(k.key) BETWEEN 0 AND 2147483647)`

// conditions returns what a scan of relation has to ask for, besides the given
// conditions that limit it. Those are repeated where the table is read again.
func (c Condition) conditions(relation string, limits []string) []string {
	var all []string
	if c.Where != "" {
		all = append(all, "("+c.Where+")")
	}
	if c.Keys != "" {
		all = append(all, fmt.Sprintf(keysSQL, relation, c.Keys, where(limits), c.Set))
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
