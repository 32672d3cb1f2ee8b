package fhir

import (
	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// held is a member that is written at the end of its object.
type held struct {
	jsonscan.Member
	field      *field
	first      byte // of the text of its value
	start, end int  // of the content of its value, if that is a string
	dst        int  // its position in the output
}

// claimed is a member in the output whose name another member may have, too.
type claimed struct {
	jsonscan.Member
	field      *field
	start, end int  // its position in the output
	converted  bool // its name differs from that in the document
}

// object appends the object at position i, of type n, and returns the index after it.
func (c *Converter) object(dst []byte, i int, n *node) ([]byte, int) {
	if c.depth >= maxDepth {
		c.report(reasonDepth)
		return c.doc.appendValue(dst, i)
	}
	c.depth++
	heldBefore, claimsBefore := len(c.held), len(c.claims)

	dst = append(dst, '{')
	if c.doc.stored {
		dst, i = c.storedMembers(dst, i, n, claimsBefore), 0
	} else if dst, i = c.textMembers(dst, i, n, claimsBefore); c.doc.err != nil {
		return dst, i
	}
	if c.depth == 1 {
		dst = c.replaceRest(dst, n)
	}
	if len(c.held) > heldBefore {
		dst = c.appendHeld(dst, n, c.held[heldBefore:], c.claims[claimsBefore:])
	}
	c.held, c.claims = c.held[:heldBefore], c.claims[:claimsBefore]
	c.depth--
	return append(dst, '}'), i
}

// textMembers appends the members of the object at src[i] and returns the index after it.
func (c *Converter) textMembers(dst []byte, i int, n *node, claims int) ([]byte, int) {
	src, last := c.doc.src, &n.members.start
	for i = jsonscan.SkipSpace(src, i+1); jsonscan.At(src, i) != '}'; i = jsonscan.SkipSpace(src, i+1) {
		m, s, ok := c.next(i, n, last)
		if !ok {
			return dst, c.doc.notJSON()
		}
		if s.field != nil {
			last = s
		}
		if c.depth == 1 {
			dst, i = c.rootMember(dst, m, s, n, claims)
		} else {
			dst, i = c.member(dst, m, s, n, claims)
		}
		if i = jsonscan.SkipSpace(src, i); jsonscan.At(src, i) != ',' {
			break
		}
	}
	if jsonscan.At(src, i) != '}' {
		return dst, c.doc.notJSON()
	}
	return dst, i + 1
}

// comma appends the comma before a member, unless it is the first.
func comma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// follower is the slot that last followed another one.
type follower struct{ after, slot *slot }

// next reads the key at src[i] of an object of type n, as jsonscan.NextMember does, and
// finds its slot. last is the slot of the previous member. Objects of a type tend to
// have the same members in the same order, so next first compares with the member
// that followed the last time.
func (c *Converter) next(i int, n *node, last *slot) (m jsonscan.Member, s *slot, ok bool) {
	src, expected := c.doc.src, &c.followers[last.number%uint32(len(c.followers))]
	if expected.after == last {
		if key := &expected.slot.key; key.equal(src, i, i+len(key.text)) {
			end := i + len(key.text)
			return jsonscan.Member{Key: i, KeyEnd: end - 1, Value: jsonscan.SkipSpace(src, end)}, expected.slot, true
		}
	}
	if m, ok = jsonscan.NextMember(src, i); !ok {
		return m, nil, false
	}
	if s = n.members.slot(m.Name(src)); s.field != nil {
		*expected = follower{last, s}
	}
	return m, s, true
}

// member appends a member of an object of type n and returns the index after it. s is
// its slot. The claims of the object start at claims.
func (c *Converter) member(dst []byte, m jsonscan.Member, s *slot, n *node, claims int) ([]byte, int) {
	f := s.field
	if f == nil {
		if name := c.doc.name(m); len(name) > 1 && name[0] == '_' {
			if f = n.members.find(name[1:]); f != nil {
				return c.sibling(dst, m, f)
			}
		}
		return c.doc.appendValue(c.appendKey(dst, m), m.Value)
	}
	switch f.action[c.direction] {
	case hold:
		return dst, c.hold(m, f, len(dst))
	case unfold:
		return c.unfold(dst, m, f, claims)
	case fold:
		return c.fold(dst, m, f, claims)
	case extract:
		return c.extract(dst, m, n, claims)
	case claim:
		return c.claim(dst, m, f, claims)
	}
	dst = s.appendKey(comma(dst))
	if f.node == nil {
		if f.isURL && c.direction == toFHIR {
			return c.appendURL(dst, m.Value)
		}
		return c.doc.appendValue(dst, m.Value)
	}
	return c.value(dst, m.Value, f)
}

// hold holds a member, whose position in the output is dst, and returns the index after
// it.
func (c *Converter) hold(m jsonscan.Member, f *field, dst int) int {
	first := c.doc.first(m.Value)
	if c.doc.stored {
		v := jsonb.Value(m.Value)
		c.held = append(c.held, held{m, f, first, v.Start(), v.End(), dst})
		return 0
	}
	end := jsonscan.ValueEnd(c.doc.src, m.Value)
	c.held = append(c.held, held{m, f, first, m.Value + 1, max(end-1, m.Value+1), dst})
	return end
}

// appendKey appends the comma before a member and its key as written.
func (c *Converter) appendKey(dst []byte, m jsonscan.Member) []byte {
	return c.doc.appendKey(comma(dst), m)
}

// value appends the value of a field at position i and returns the index after it.
func (c *Converter) value(dst []byte, i int, f *field) ([]byte, int) {
	if f.node == nil || f.node.shape == extension && c.direction == toAidbox {
		return c.doc.appendValue(dst, i)
	}
	c.path = append(c.path, step{f, f.node})
	switch first := c.doc.first(i); first {
	case '{':
		dst, i = c.typed(dst, i, f.node)
	case '[':
		if !f.many {
			c.report(reasonArray)
		}
		dst, i = c.array(dst, i, f.node)
	default:
		if first != 'n' {
			c.report(reasonNoObject)
		}
		dst, i = c.doc.appendValue(dst, i)
	}
	c.path = c.path[:len(c.path)-1]
	return dst, i
}

// array appends the array at position i, whose items are of type n, and returns the index
// after it.
func (c *Converter) array(dst []byte, i int, n *node) ([]byte, int) {
	dst = append(dst, '[')
	if c.doc.stored {
		return append(c.storedItems(dst, i, n), ']'), 0
	}
	src := c.doc.src
	for i = jsonscan.SkipSpace(src, i+1); jsonscan.At(src, i) != ']'; {
		if first := jsonscan.At(src, i); first == '{' {
			dst, i = c.typed(dst, i, n)
		} else {
			if first != 'n' {
				c.report(reasonNoObject)
			}
			dst, i = c.doc.appendValue(dst, i)
		}
		i = jsonscan.SkipSpace(src, i)
		if jsonscan.At(src, i) != ',' {
			break
		}
		dst = append(dst, ',')
		i = jsonscan.SkipSpace(src, i+1)
	}
	if jsonscan.At(src, i) != ']' {
		return dst, c.doc.notJSON()
	}
	return append(dst, ']'), i + 1
}

// typed appends the object at position i of an element of type n. If n is any resource,
// the object states its type.
func (c *Converter) typed(dst []byte, i int, n *node) ([]byte, int) {
	if n.shape != resource {
		return c.object(dst, i, n)
	}
	name := c.doc.resourceType(i)
	if name == nil {
		c.report(reasonNoType)
	}
	if c.resources >= maxResources {
		c.report(reasonDepth)
		return c.doc.appendValue(dst, i)
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
		return c.doc.appendValue(c.appendKey(dst, m), m.Value)
	}
	return c.value(c.appendKey(dst, m), m.Value, c.tables.sibling)
}
