package fhir

import (
	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// Replacement is a member of a document's root that is stored outside of the
// document, as Aidbox stores id, meta and resourceType in columns.
type Replacement struct {
	// Name is the name of the member. It needs no escapes.
	Name string

	// Value is the value of the member as JSON.
	Value []byte

	// Merge, if set, appends the value instead. stored is the value that the
	// document has for the member, and empty without one.
	Merge func(dst, stored []byte) []byte
}

// rootMember is member for the root: it omits what the subset does not keep, and
// writes the replacements that come before the member, or in its place.
func (c *Converter) rootMember(dst []byte, m jsonscan.Member, s *slot, n *node, claims int) ([]byte, int) {
	for name := c.doc.name(m); len(c.replacements) > 0; {
		r := &c.replacements[0]
		if len(name) < len(r.Name) {
			break // shorter names come first
		}
		order := c.doc.compareNames(name, r.Name)
		if order < 0 {
			break
		}
		c.replacements = c.replacements[1:]
		if order == 0 {
			return c.replace(dst, r, m.Value, n), c.doc.after(m.Value)
		}
		dst = c.replace(dst, r, absent, n)
	}
	if c.options.Subset != nil && !c.options.Subset.keeps(c.doc.name(m), s.field) {
		return dst, c.doc.after(m.Value)
	}
	return c.member(dst, m, s, n, claims)
}

// replaceRest appends the replacements that come after all members of the document.
func (c *Converter) replaceRest(dst []byte, n *node) []byte {
	for i := range c.replacements {
		dst = c.replace(dst, &c.replacements[i], absent, n)
	}
	return dst
}

// absent is the position of a value that a document does not have.
const absent = -1

// replace appends a replacement, converted by its type, to a root of type n. before is
// the position of the value that the document has for the member, or absent.
func (c *Converter) replace(dst []byte, r *Replacement, before int, n *node) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), r.Name...), '"', ':')
	value := r.Value
	if r.Merge != nil {
		c.merged = r.Merge(c.merged[:0], c.printed(before))
		value = c.merged
	}
	src, stored := c.doc.src, c.doc.stored
	c.doc.src, c.doc.stored = value, false
	f, end := n.members.find([]byte(r.Name)), 0
	if f == nil {
		dst, end = c.doc.appendValue(dst, 0)
	} else {
		dst, end = c.value(dst, 0, f)
	}
	_ = c.doc.finish(end)
	c.doc.src, c.doc.stored = src, stored
	return dst
}

// printed returns the text of the value at position i as PostgreSQL prints it. It is
// empty if the value is absent, and valid until the next call.
func (c *Converter) printed(i int) []byte {
	switch {
	case i == absent:
		return nil
	case c.doc.stored:
		c.print = c.doc.appendStored(c.print[:0], jsonb.Value(i), jsonb.Spaced)
		return c.print
	}
	return c.doc.src[i:c.doc.after(i)]
}
