package fhir

import "github.com/seed-90096f4d/sluice/jsonscan"

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
func (c *Converter) rootMember(dst []byte, m jsonscan.Member, f *field, n *node, claims int) ([]byte, int) {
	for len(c.replacements) > 0 {
		r := &c.replacements[0]
		order := jsonscan.CompareNames(m.Name(c.src), r.Name)
		if order < 0 {
			break
		}
		c.replacements = c.replacements[1:]
		if order == 0 {
			end := jsonscan.ValueEnd(c.src, m.Value)
			return c.replace(dst, r, c.src[m.Value:end], n), end
		}
		dst = c.replace(dst, r, nil, n)
	}
	if c.options.Subset != nil && !c.options.Subset.keeps(m.Name(c.src), f) {
		return dst, jsonscan.ValueEnd(c.src, m.Value)
	}
	return c.member(dst, m, f, n, claims)
}

// replaceRest appends the replacements that come after all members of the document.
func (c *Converter) replaceRest(dst []byte, n *node) []byte {
	for i := range c.replacements {
		dst = c.replace(dst, &c.replacements[i], nil, n)
	}
	return dst
}

// replace appends a replacement, converted by its type, to a root of type n.
func (c *Converter) replace(dst []byte, r *Replacement, stored []byte, n *node) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), r.Name...), '"', ':')
	doc := c.src
	c.src = r.Value
	if r.Merge != nil {
		c.merged = r.Merge(c.merged[:0], stored)
		c.src = c.merged
	}
	f, end := n.members.find([]byte(r.Name)), 0
	if f == nil {
		dst, end = jsonscan.AppendCompact(dst, c.src, 0)
	} else {
		dst, end = c.value(dst, 0, f)
	}
	if end != len(c.src) {
		c.broken = true
	}
	c.src = doc
	return dst
}
