package fhir

// A held member is one that waits for the end of its object.
type held struct {
	member
	field *field
	end   int // of its value
	dst   int // where in the output it would stand
}

// A claimed member is one whose name may be taken twice in the output.
type claimed struct {
	member
	field      *field
	start, end int  // where in the output it stands
	converted  bool // under another name than in the document
}

// object appends the object at src[i], which is of type n, and returns the
// index behind it.
func (c *Converter) object(dst []byte, i int, n *node) ([]byte, int) {
	if c.depth >= maxDepth {
		c.report(reasonDepth)
		return appendValue(dst, c.src, i)
	}
	c.depth++
	heldBefore, claimsBefore := len(c.held), len(c.claims)

	dst = append(dst, '{')
	last := &n.members.start
	for i = space(c.src, i+1); at(c.src, i) != '}'; i = space(c.src, i+1) {
		m, s, ok := c.next(i, n, last)
		if !ok {
			c.broken = true
			return dst, len(c.src)
		}
		if s.field != nil {
			last = s
		}
		if c.depth == 1 {
			dst, i = c.rootMember(dst, m, s.field, n, claimsBefore)
		} else {
			dst, i = c.member(dst, m, s.field, n, claimsBefore)
		}
		if i = space(c.src, i); at(c.src, i) != ',' {
			break
		}
	}
	if at(c.src, i) != '}' {
		c.broken = true
		return dst, len(c.src)
	}
	if c.depth == 1 {
		dst = c.replaceRest(dst, n)
	}
	if len(c.held) > heldBefore {
		dst = c.settle(dst, n, c.held[heldBefore:], c.claims[claimsBefore:])
	}
	c.held, c.claims = c.held[:heldBefore], c.claims[:claimsBefore]
	c.depth--
	return append(dst, '}'), i + 1
}

// A follower is a member that came last after another one.
type follower struct{ after, slot *slot }

// next reads the key at src[i] of an object of type n, as nextMember does, and
// finds its slot; last is that of the member before. Objects of a type tend to have
// the same members in the same order, so it looks first whether the member is the
// one that followed the last time: that is one comparison.
func (c *Converter) next(i int, n *node, last *slot) (m member, s *slot, ok bool) {
	expected := &c.followers[last.number%uint32(len(c.followers))]
	if expected.after == last {
		if end := i + len(expected.slot.key); end <= len(c.src) && string(c.src[i:end]) == expected.slot.key {
			return member{i, end - 1, space(c.src, end)}, expected.slot, true
		}
	}
	if m, ok = nextMember(c.src, i); !ok {
		return m, nil, false
	}
	if s = n.members.slot(m.name(c.src)); s.field != nil {
		*expected = follower{last, s}
	}
	return m, s, true
}

// member appends a member of an object of type n, whose field is f if it has one,
// and returns the index behind it. The object's claims start at claims.
func (c *Converter) member(dst []byte, m member, f *field, n *node, claims int) ([]byte, int) {
	if f == nil {
		if name := m.name(c.src); len(name) > 1 && name[0] == '_' {
			if f = n.members.find(name[1:]); f != nil {
				return c.sibling(dst, m, f)
			}
		}
		return appendValue(c.appendKey(dst, m), c.src, m.value)
	}
	switch f.action[c.direction] {
	case hold:
		end := valueEnd(c.src, m.value)
		c.held = append(c.held, held{m, f, end, len(dst)})
		return dst, end
	case unfold:
		return c.unfold(dst, m, f, claims)
	case fold:
		return c.fold(dst, m, f, claims)
	case extract:
		return c.extract(dst, m, f, n, claims)
	case claim:
		return c.claim(dst, m, f, claims)
	}
	if f.node == nil {
		dst = c.appendKey(dst, m)
		if f.located && c.direction == toFHIR {
			return c.location(dst, m.value)
		}
		return appendValue(dst, c.src, m.value)
	}
	return c.value(c.appendKey(dst, m), m.value, f)
}

// appendKey appends the comma before a member and its key as it is written.
func (c *Converter) appendKey(dst []byte, m member) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	if c.src[m.keyEnd] == ':' {
		return appendSpan(dst, c.src, m.key, m.keyEnd+1)
	}
	return append(append(dst, c.src[m.key:m.keyEnd]...), ':')
}

// value appends the value at src[i] of a field and returns the index behind
// it.
func (c *Converter) value(dst []byte, i int, f *field) ([]byte, int) {
	if f.node == nil || f.node.shape == extension && c.direction == toAidbox && !c.options.ExtensionValues {
		return appendValue(dst, c.src, i)
	}
	c.path = append(c.path, step{f, f.node})
	switch at(c.src, i) {
	case '{':
		dst, i = c.typed(dst, i, f.node)
	case '[':
		if !f.many {
			c.report(reasonArray)
		}
		dst, i = c.array(dst, i, f.node)
	default:
		if at(c.src, i) != 'n' {
			c.report(reasonNoObject)
		}
		dst, i = appendValue(dst, c.src, i)
	}
	c.path = c.path[:len(c.path)-1]
	return dst, i
}

// array appends the array at src[i], whose items are of type n, and returns the
// index behind it.
func (c *Converter) array(dst []byte, i int, n *node) ([]byte, int) {
	dst = append(dst, '[')
	for i = space(c.src, i+1); at(c.src, i) != ']'; {
		if at(c.src, i) == '{' {
			dst, i = c.typed(dst, i, n)
		} else {
			if at(c.src, i) != 'n' {
				c.report(reasonNoObject)
			}
			dst, i = appendValue(dst, c.src, i)
		}
		i = space(c.src, i)
		if at(c.src, i) != ',' {
			break
		}
		dst = append(dst, ',')
		i = space(c.src, i+1)
	}
	if at(c.src, i) != ']' {
		c.broken = true
		return dst, len(c.src)
	}
	return append(dst, ']'), i + 1
}

// typed appends the object at src[i] where the table says n, which for a
// resource is not yet its type.
func (c *Converter) typed(dst []byte, i int, n *node) ([]byte, int) {
	if n.shape != resource {
		return c.object(dst, i, n)
	}
	name := resourceType(c.src, i)
	if name == nil {
		c.report(reasonNoType)
	}
	if c.resources >= maxResources {
		c.report(reasonDepth)
		return appendValue(dst, c.src, i)
	}
	c.resources++
	dst, i = c.object(dst, i, c.tables.resource(name))
	c.resources--
	return dst, i
}

// sibling appends the member that stands beside a primitive f, under its name
// with a "_": the primitive's id and extensions.
func (c *Converter) sibling(dst []byte, m member, f *field) ([]byte, int) {
	if f.options != nil && c.direction == toFHIR {
		return c.unfoldSibling(dst, m, f)
	}
	if f.node != nil {
		return appendValue(c.appendKey(dst, m), c.src, m.value)
	}
	return c.value(c.appendKey(dst, m), m.value, c.tables.sibling)
}
