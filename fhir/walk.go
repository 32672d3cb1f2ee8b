package fhir

import "github.com/seed-90096f4d/sluice/jsonscan"

// held is a member that is written at the end of its object.
type held struct {
	jsonscan.Member
	field *field
	end   int // of its value
	dst   int // its position in the output
}

// claimed is a member in the output whose name another member may have, too.
type claimed struct {
	jsonscan.Member
	field      *field
	start, end int  // its position in the output
	converted  bool // its name differs from that in the document
}

// object appends the object at src[i], of type n, and returns the index after it.
func (c *Converter) object(dst []byte, i int, n *node) ([]byte, int) {
	if c.depth >= maxDepth {
		c.report(reasonDepth)
		return jsonscan.AppendCompact(dst, c.src, i)
	}
	c.depth++
	heldBefore, claimsBefore := len(c.held), len(c.claims)

	dst = append(dst, '{')
	last := &n.members.start
	for i = jsonscan.SkipSpace(c.src, i+1); jsonscan.At(c.src, i) != '}'; i = jsonscan.SkipSpace(c.src, i+1) {
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
		if i = jsonscan.SkipSpace(c.src, i); jsonscan.At(c.src, i) != ',' {
			break
		}
	}
	if jsonscan.At(c.src, i) != '}' {
		c.broken = true
		return dst, len(c.src)
	}
	if c.depth == 1 {
		dst = c.replaceRest(dst, n)
	}
	if len(c.held) > heldBefore {
		dst = c.appendHeld(dst, n, c.held[heldBefore:], c.claims[claimsBefore:])
	}
	c.held, c.claims = c.held[:heldBefore], c.claims[:claimsBefore]
	c.depth--
	return append(dst, '}'), i + 1
}

// follower is the slot that last followed another one.
type follower struct{ after, slot *slot }

// next reads the key at src[i] of an object of type n, as jsonscan.NextMember does, and
// finds its slot. last is the slot of the previous member. Objects of a type tend to
// have the same members in the same order, so next first compares with the member
// that followed the last time.
func (c *Converter) next(i int, n *node, last *slot) (m jsonscan.Member, s *slot, ok bool) {
	expected := &c.followers[last.number%uint32(len(c.followers))]
	if expected.after == last {
		if end := i + len(expected.slot.key); end <= len(c.src) && string(c.src[i:end]) == expected.slot.key {
			return jsonscan.Member{Key: i, KeyEnd: end - 1, Value: jsonscan.SkipSpace(c.src, end)}, expected.slot, true
		}
	}
	if m, ok = jsonscan.NextMember(c.src, i); !ok {
		return m, nil, false
	}
	if s = n.members.slot(m.Name(c.src)); s.field != nil {
		*expected = follower{last, s}
	}
	return m, s, true
}

// member appends a member of an object of type n and returns the index after it. f is
// its field, or nil. The claims of the object start at claims.
func (c *Converter) member(dst []byte, m jsonscan.Member, f *field, n *node, claims int) ([]byte, int) {
	if f == nil {
		if name := m.Name(c.src); len(name) > 1 && name[0] == '_' {
			if f = n.members.find(name[1:]); f != nil {
				return c.sibling(dst, m, f)
			}
		}
		return jsonscan.AppendCompact(c.appendKey(dst, m), c.src, m.Value)
	}
	switch f.action[c.direction] {
	case hold:
		end := jsonscan.ValueEnd(c.src, m.Value)
		c.held = append(c.held, held{m, f, end, len(dst)})
		return dst, end
	case unfold:
		return c.unfold(dst, m, f, claims)
	case fold:
		return c.fold(dst, m, f, claims)
	case extract:
		return c.extract(dst, m, n, claims)
	case claim:
		return c.claim(dst, m, f, claims)
	}
	if f.node == nil {
		dst = c.appendKey(dst, m)
		if f.isURL && c.direction == toFHIR {
			return c.appendURL(dst, m.Value)
		}
		return jsonscan.AppendCompact(dst, c.src, m.Value)
	}
	return c.value(c.appendKey(dst, m), m.Value, f)
}

// appendKey appends the comma before a member and its key as written.
func (c *Converter) appendKey(dst []byte, m jsonscan.Member) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	if c.src[m.KeyEnd] == ':' {
		return jsonscan.AppendSpan(dst, c.src, m.Key, m.KeyEnd+1)
	}
	return append(append(dst, c.src[m.Key:m.KeyEnd]...), ':')
}

// value appends the value of a field at src[i] and returns the index after it.
func (c *Converter) value(dst []byte, i int, f *field) ([]byte, int) {
	if f.node == nil || f.node.shape == extension && c.direction == toAidbox {
		return jsonscan.AppendCompact(dst, c.src, i)
	}
	c.path = append(c.path, step{f, f.node})
	switch jsonscan.At(c.src, i) {
	case '{':
		dst, i = c.typed(dst, i, f.node)
	case '[':
		if !f.many {
			c.report(reasonArray)
		}
		dst, i = c.array(dst, i, f.node)
	default:
		if jsonscan.At(c.src, i) != 'n' {
			c.report(reasonNoObject)
		}
		dst, i = jsonscan.AppendCompact(dst, c.src, i)
	}
	c.path = c.path[:len(c.path)-1]
	return dst, i
}

// array appends the array at src[i], whose items are of type n, and returns the index
// after it.
func (c *Converter) array(dst []byte, i int, n *node) ([]byte, int) {
	dst = append(dst, '[')
	for i = jsonscan.SkipSpace(c.src, i+1); jsonscan.At(c.src, i) != ']'; {
		if jsonscan.At(c.src, i) == '{' {
			dst, i = c.typed(dst, i, n)
		} else {
			if jsonscan.At(c.src, i) != 'n' {
				c.report(reasonNoObject)
			}
			dst, i = jsonscan.AppendCompact(dst, c.src, i)
		}
		i = jsonscan.SkipSpace(c.src, i)
		if jsonscan.At(c.src, i) != ',' {
			break
		}
		dst = append(dst, ',')
		i = jsonscan.SkipSpace(c.src, i+1)
	}
	if jsonscan.At(c.src, i) != ']' {
		c.broken = true
		return dst, len(c.src)
	}
	return append(dst, ']'), i + 1
}

// typed appends the object at src[i] of an element of type n. If n is any resource,
// the object states its type.
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
		return jsonscan.AppendCompact(dst, c.src, i)
	}
	c.resources++
	dst, i = c.object(dst, i, c.tables.resource(name))
	c.resources--
	return dst, i
}

// sibling appends the member with the id and extensions of a primitive f, named _f.
func (c *Converter) sibling(dst []byte, m jsonscan.Member, f *field) ([]byte, int) {
	if f.options != nil && c.direction == toFHIR {
		return c.unfoldSibling(dst, m, f)
	}
	if f.node != nil {
		return jsonscan.AppendCompact(c.appendKey(dst, m), c.src, m.Value)
	}
	return c.value(c.appendKey(dst, m), m.Value, c.tables.sibling)
}
