package search

import "github.com/seed-90096f4d/sluice/sqltext"

// All returns the condition for the rows that match every condition.
func All(conditions ...sqltext.Condition) sqltext.Condition {
	wheres := make([]sqltext.Fragment, len(conditions))
	var all sqltext.Condition
	for i, c := range conditions {
		wheres[i] = c.Where
		if all.Lookup.IsEmpty() {
			all.Lookup = c.Lookup // of several, one is enough
		}
	}
	all.Where = combine(wheres, " AND ")
	return all
}

// Any returns the condition for the rows that match at least one of the filters. Without
// filters, every row matches.
func Any(filters ...Filter) sqltext.Condition {
	var wheres, indexed []sqltext.Fragment
	references := false
	for _, f := range filters {
		if f.where.IsEmpty() {
			return sqltext.Condition{} // it matches every row
		}
		wheres, indexed = append(wheres, f.where), append(indexed, f.indexed)
		references = references || f.references
	}
	found := sqltext.Condition{Where: combine(wheres, " OR ")}
	if references {
		found.Lookup = lookupBy(combine(indexed, " OR "))
	}
	return found
}

// lookupBy returns the lookup for an expression that is written for an index.
func lookupBy(where sqltext.Fragment) sqltext.Fragment {
	return sqltext.New("SELECT r.ctid FROM {rows} AS r WHERE {where}", sqltext.Values{"where": where})
}

// combine joins the boolean expressions that are not empty.
func combine(wheres []sqltext.Fragment, operator string) sqltext.Fragment {
	var filled []sqltext.Fragment
	for _, where := range wheres {
		if !where.IsEmpty() {
			filled = append(filled, where)
		}
	}
	if len(filled) == 1 {
		return filled[0]
	}
	for i, where := range filled {
		filled[i] = sqltext.New("({where})", sqltext.Values{"where": where})
	}
	return sqltext.Join(filled, operator)
}
