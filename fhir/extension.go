package fhir

import "slices"

// appendHeldExtensions appends the held members that are extensions in FHIR, after
// the extensions that the object has; createdAt comes last. It returns the other held
// members, and those that cannot become extensions.
func (c *Converter) appendHeldExtensions(dst []byte, n *node, waiting []held, claims []claimed) ([]byte, []held) {
	if !slices.ContainsFunc(waiting, isExtension) {
		return dst, waiting
	}
	mark := len(dst)
	end, valid := listEnd(dst, n, claims)
	var created held
	rest := waiting[:0]
	for _, h := range waiting {
		switch {
		case !isExtension(h):
			rest = append(rest, h)
		case !valid || !c.fits(h.Value, h.field.extended):
			c.reportAt(h.field, reasonExtension)
			rest = append(rest, h)
		case h.field.extended.head == nil:
			created = h
		default:
			dst = c.appendExtensions(dst, h, mark, end)
		}
	}
	if created.field != nil {
		dst = c.appendExtensions(dst, created, mark, end)
	}
	if len(dst) == mark {
		return dst, rest
	}
	if end < 0 {
		return append(dst, ']'), rest
	}
	for k := range rest {
		if rest[k].dst > end {
			rest[k].dst += len(dst) - mark
		}
	}
	return c.moveTail(dst, end, mark), rest
}

// isExtension reports whether a held member is an extension in FHIR.
func isExtension(h held) bool { return h.field.extended != nil }

// listEnd returns the index of the bracket that closes the object's list of
// extensions, or -1 if it has none. valid is false if they are not a list.
func listEnd(dst []byte, n *node, claims []claimed) (end int, valid bool) {
	list := n.members.find([]byte("extension"))
	for _, other := range claims {
		if other.field == list {
			return other.end - 1, dst[other.end-1] == ']'
		}
	}
	return -1, true
}

// fits reports whether the value at position i can become extensions: it is a value of
// the right kind, or an array of such values.
func (c *Converter) fits(i int, e *extended) bool {
	if c.doc.first(i) != '[' {
		return e.fits(c.doc.first(i))
	}
	it, ok := c.doc.firstItem(i)
	fits := ok && e.head != nil
	for ok && fits {
		fits = e.fits(c.doc.first(it.at))
		ok = c.doc.nextItem(&it, c.doc.after(it.at))
	}
	return fits
}

// fits reports whether a value that starts with b is of the right kind.
func (e *extended) fits(b byte) bool {
	switch {
	case e.head == nil:
		return b == '"'
	case e.value == nil || e.value.node != nil:
		return b == '{'
	}
	return b != '{' && b != '[' && b != ']' && b != 'n'
}

// appendExtensions appends the extensions for a held member, after those that were
// appended since mark.
func (c *Converter) appendExtensions(dst []byte, h held, mark, end int) []byte {
	c.path = append(c.path, step{field: h.field})
	if c.doc.first(h.Value) == '[' {
		it, ok := c.doc.firstItem(h.Value)
		for i := 0; ok; ok = c.doc.nextItem(&it, i) {
			dst, i = c.appendExtension(separated(dst, mark, end), it.at, h.field.extended)
		}
	} else {
		dst, _ = c.appendExtension(separated(dst, mark, end), h.Value, h.field.extended)
	}
	c.path = c.path[:len(c.path)-1]
	return dst
}

// separated appends what comes before an extension: a comma or, before the first one of
// an object that has no list of them, the beginning of the list.
func separated(dst []byte, mark, end int) []byte {
	first := len(dst) == mark
	switch {
	case first && end < 0:
		if dst[mark-1] != '{' {
			dst = append(dst, ',')
		}
		return append(dst, `"extension":[`...)
	case !first || dst[end-1] != '[':
		return append(dst, ',')
	}
	return dst
}

// appendExtension appends the extension for the value at position i and returns the
// index after it.
func (c *Converter) appendExtension(dst []byte, i int, e *extended) ([]byte, int) {
	start := len(dst)
	if e.members != nil {
		dst, i = c.object(dst, i, e.members)
		switch {
		case c.doc.err != nil:
			return dst, i
		case dst[start+1] == '}':
			return append(append(dst[:start], e.head...), '}'), i
		}
		dst = slices.Insert(dst, start+1, ',')
		return slices.Insert(dst, start+1, e.head[1:]...), i
	}
	head := e.head
	if head == nil {
		head = c.createdAt
	}
	dst = append(append(dst, head...), `,"`...)
	dst = append(append(dst, e.value.name...), `":`...)
	dst, i = c.value(dst, i, e.value)
	return append(dst, '}'), i
}
