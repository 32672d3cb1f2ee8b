package view

import "slices"

// schema checks the columns of a select and appends them to those known, in their order in
// the row: its own columns, nested selects, and its union (viewdef-17).
func (p *parser) schema(s *selection, known []*column) []*column {
	s.first = len(known)
	for _, c := range s.columns {
		c.index = len(known)
		known = p.define(c, known)
	}
	for _, nested := range s.selects {
		known = p.schema(nested, known)
	}
	if len(s.union) > 0 {
		known = append(known, p.unionSchema(s.union, known)...)
	}
	s.end = len(known)
	return known
}

// define appends a column to those known, whose names must differ.
func (p *parser) define(c *column, known []*column) []*column {
	if c.Name != "" && slices.ContainsFunc(known, func(k *column) bool { return k.Name == c.Name }) {
		p.add(c.at, "column %q is already defined", c.Name)
	}
	return append(known, c)
}

// unionSchema returns the columns of a union, which all branches must have.
func (p *parser) unionSchema(branches []*selection, known []*column) (columns []*column) {
	for i, branch := range branches {
		own := p.schema(branch, known)[len(known):]
		if i == 0 {
			for _, c := range own {
				merged := *c
				columns = append(columns, &merged)
			}
			continue
		}
		if len(own) != len(columns) {
			p.add(branch.at, "%d columns, but the first branch of the union has %d", len(own), len(columns))
			continue
		}
		for k, c := range own {
			p.merge(columns[k], c)
		}
	}
	return columns
}

// merge checks that a column of a branch agrees with that of the union, and widens the type
// of the latter to include both.
func (p *parser) merge(union, c *column) {
	switch {
	case union.Name == "" || c.Name == "":
		return // has a finding
	case union.Name != c.Name:
		p.add(c.at, "column %q, but the first branch of the union has %q here", c.Name, union.Name)
		return
	case union.Collection != c.Collection:
		p.add(c.at, "collection of column %q differs from the first branch of the union", c.Name)
		return
	}
	typ, ok := p.mergedType(union, c)
	if !ok {
		p.add(c.at, "column %q is %s, but %s in the branches of the union before", c.Name, c.Type, union.Type)
		return
	}
	union.Type, union.Untyped = typ, union.Untyped && c.Untyped
	switch {
	case union.tagged && c.tagged && union.SQL != c.SQL:
		p.add(c.at, "column %q is stored as %s, but as %s in the branches of the union before", c.Name, c.SQL, union.SQL)
	case c.tagged:
		union.SQL, union.tagged = c.SQL, true
	case !union.tagged:
		union.SQL = defaultSQLType(union.Type)
	}
	if union.tagged && !union.Untyped && !storable(union.Type, union.SQL.Kind) {
		p.add(c.at, "values of type %s cannot be stored as %s", union.Type, union.SQL)
	}
}

// mergedType returns the type of two columns. An untyped one takes the type of the other.
func (p *parser) mergedType(a, b *column) (string, bool) {
	switch {
	case a.Untyped:
		return b.Type, true
	case b.Untyped:
		return a.Type, true
	}
	return p.commonType(a.Type, b.Type)
}
