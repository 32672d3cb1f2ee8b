package sqltext

// Rows is the name of the hole for the rows that a Condition selects from.
const Rows = "rows"

// Condition selects rows of a table, which it calls r. The zero value selects all.
//
// In both fragments, {rows} represents all rows that would be read without the
// condition, as an item of a FROM with the columns ctid, id, ts and resource.
type Condition struct {
	// Where is a boolean expression. If it is empty, it holds for every row.
	Where Fragment

	// Lookup, if it is not empty, is a SELECT of the ctid of rows among {rows}: of all
	// for which Where holds, and possibly of others. It is fast if an index serves it,
	// and slow without.
	Lookup Fragment
}
