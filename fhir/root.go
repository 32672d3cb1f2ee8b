package fhir

// A Replacement is a member of a document's root that is kept elsewhere, as Aidbox
// keeps id, meta and resourceType in columns of their own.
type Replacement struct {
	// Name is that of the member. It needs no escapes.
	Name string

	// Value appends the member's value as JSON. stored is the one that the document
	// has under that name; it is empty if there is none.
	Value func(dst, stored []byte) []byte
}

// rootMember is member for the root: it leaves out what the subset does not keep,
// and writes the replacements whose turn it is.
func (c *Converter) rootMember(dst []byte, m member, f *field, n *node, claims int) ([]byte, int) {
	for len(c.replacements) > 0 {
		r := &c.replacements[0]
		order := CompareNames(m.name(c.src), r.Name)
		if order < 0 {
			break
		}
		c.replacements = c.replacements[1:]
		if order == 0 {
			end := valueEnd(c.src, m.value)
			return c.replace(dst, r, c.src[m.value:end], n), end
		}
		dst = c.replace(dst, r, nil, n)
	}
	if c.options.Subset != nil && !c.options.Subset.keeps(m.name(c.src), f) {
		return dst, valueEnd(c.src, m.value)
	}
	return c.member(dst, m, f, n, claims)
}

// replaceRest appends the replacements that come after all members of the document.
func (c *Converter) replaceRest(dst []byte, n *node) []byte {
	for i := range c.replacements {
		dst = c.replace(dst, &c.replacements[i], nil, n)
	}
	c.replacements = nil
	return dst
}

// replace appends a replacement, converted by its type, to a root of type n.
func (c *Converter) replace(dst []byte, r *Replacement, stored []byte, n *node) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), r.Name...), '"', ':')
	c.replaced = r.Value(c.replaced[:0], stored)

	doc := c.src
	c.src = c.replaced
	f, end := n.members.find([]byte(r.Name)), 0
	if f == nil {
		dst, end = appendValue(dst, c.src, 0)
	} else {
		dst, end = c.value(dst, 0, f)
	}
	if end != len(c.src) {
		c.broken = true
	}
	c.src = doc
	return dst
}
