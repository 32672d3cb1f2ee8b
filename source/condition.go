package source

import "github.com/seed-90096f4d/sluice/sqltext"

// scanRows returns what {rows} of a condition stands for: the rows of a relation within
// limits.
func scanRows(relation sqltext.Fragment, limits []sqltext.Fragment) sqltext.Values {
	return sqltext.Values{sqltext.Rows: sqltext.New("(SELECT r.ctid, r.id, r.ts, r.resource FROM {relation} AS r{where})", sqltext.Values{
		"relation": relation, "where": where(limits),
	})}
}

// conditions returns the boolean expressions of a condition. With byLookup, they include
// one on the rows that its Lookup finds.
func conditions(c sqltext.Condition, rows sqltext.Values, byLookup bool) []sqltext.Fragment {
	var all []sqltext.Fragment
	if byLookup {
		// The server reads a list of addresses in their order, each once.
		all = append(all, sqltext.New("r.ctid = ANY (ARRAY({lookup}))", sqltext.Values{"lookup": c.Lookup.Fill(rows)}))
	}
	if !c.Where.IsEmpty() {
		all = append(all, sqltext.New("({where})", sqltext.Values{"where": c.Where.Fill(rows)}))
	}
	return all
}

// where returns the WHERE of a statement, which is empty without conditions.
func where(conditions []sqltext.Fragment) sqltext.Fragment {
	if len(conditions) == 0 {
		return sqltext.Fragment{}
	}
	return sqltext.Concat(sqltext.Text(" WHERE "), sqltext.Join(conditions, " AND "))
}
