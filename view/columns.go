package view

import (
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// column is a column of a select while the view is checked.
type column struct {
	Column
	at     *node // its position
	path   string
	x      *fhirpath.Expression // nil after a finding
	tagged bool                 // reports whether the view states the SQL type
	index  int                  // in the row
}

// parseColumns parses the columns of a select.
func (p *parser) parseColumns(s *node, on focus) (columns []*column) {
	for _, c := range p.objects(s, "column") {
		p.columns++
		if p.columns > maxColumns {
			if p.columns == maxColumns+1 {
				p.add(c, "too many columns; the maximum is %d, including all branches of unions", maxColumns)
			}
			break
		}
		columns = append(columns, p.parseColumn(c, on))
	}
	return columns
}

// parseColumn parses a column. After a finding its name may be empty.
func (p *parser) parseColumn(n *node, on focus) *column {
	p.checkProperties(n, columnProperties)
	c := &column{at: n}
	c.Description = p.str(n, "description")
	if name := p.requiredString(n, "name"); name != nil {
		c.at = name
		if p.checkName(name) {
			c.Name = name.text
		}
	}
	path := p.requiredString(n, "path")
	if path != nil {
		c.path, c.x = path.text, p.compile(path, on)
	}
	if m := n.member("collection"); m != nil && p.expect(m, booleanNode) {
		c.Collection = m.text == "true"
	}
	p.setType(c, n)
	p.setSQLType(c, n)
	return c
}

// setType sets the FHIR type of a column: stated, derived from the path, or string.
func (p *parser) setType(c *column, n *node) {
	var derived []string
	if c.x != nil {
		derived = derivedTypes(c.x)
	}
	if m := n.member("type"); m != nil {
		if p.expect(m, stringNode) {
			c.Type = p.statedType(m, derived)
		}
	} else {
		c.Type = p.commonTypeOf(derived)
	}
	if c.Type == "" {
		c.Type, c.Untyped = "string", true
	}
}

// setSQLType sets the SQL type of a column: the tag ansi/type, or the default of its FHIR
// type.
func (p *parser) setSQLType(c *column, n *node) {
	c.SQL = defaultSQLType(c.Type)
	for _, name := range []string{"tag", "tags"} { // the guide itself writes both
		for _, tag := range p.objects(n, name) {
			p.checkProperties(tag, tagProperties)
			tagName, value := p.requiredString(tag, "name"), p.requiredString(tag, "value")
			if tagName == nil || value == nil || tagName.text != "ansi/type" {
				continue
			}
			if c.tagged {
				p.add(tag, "only one tag ansi/type is allowed")
				continue
			}
			c.tagged = true
			p.setTagged(c, value)
		}
	}
}

// setTagged sets the SQL type of a column from its tag.
func (p *parser) setTagged(c *column, value *node) {
	sql, err := parseSQLType(value.text)
	switch {
	case err != nil:
		p.add(value, "%s", err)
	case !c.Untyped && !storable(c.Type, sql.Kind):
		p.add(value, "values of type %s cannot be stored as %s", c.Type, sql)
	default:
		c.SQL = sql
	}
}
