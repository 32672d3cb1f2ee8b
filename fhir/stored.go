package fhir

import (
	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// storedMembers appends the members of the object at position i.
func (c *Converter) storedMembers(dst []byte, i int, n *node, claims int) []byte {
	src, last := c.doc.src, &n.members.start
	members := jsonb.MembersOf(src, jsonb.Value(i))
	for c.doc.fits(dst) && members.Next(src) {
		s := c.slot(members.NameStart, members.NameEnd, n, last)
		if s.field != nil {
			last = s
		}
		if s.plain && c.depth > 1 {
			dst = s.appendKey(comma(dst))
			if v := members.Value; v.Kind() == jsonb.String && s.field.node == nil {
				dst = jsonb.AppendString(dst, src, v.Start(), v.End())
			} else {
				dst, _ = c.value(dst, int(v), s.field)
			}
			continue
		}
		m := jsonscan.Member{Key: members.NameStart, KeyEnd: members.NameEnd, Value: int(members.Value)}
		if c.depth == 1 {
			dst, _ = c.rootMember(dst, m, s, n, claims)
		} else {
			dst, _ = c.member(dst, m, s, n, claims)
		}
	}
	c.doc.check(!members.Malformed)
	return dst
}

// slot is next for the name from start to end in the stored form.
func (c *Converter) slot(start, end int, n *node, last *slot) *slot {
	src, expected := c.doc.src, &c.followers[last.number%uint32(len(c.followers))]
	if expected.after == last && expected.slot.name.equal(src, start, end) {
		return expected.slot
	}
	s := n.members.slot(src[start:end])
	if s.field != nil {
		*expected = follower{last, s}
	}
	return s
}

// storedItems appends the items of an array in the stored form.
func (c *Converter) storedItems(dst []byte, i int, n *node) []byte {
	items := jsonb.ItemsOf(c.doc.src, jsonb.Value(i))
	for c.doc.fits(dst) && items.Next(c.doc.src) {
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		if first := c.doc.first(int(items.Value)); first == '{' {
			dst, _ = c.typed(dst, int(items.Value), n)
		} else {
			if first != 'n' {
				c.report(reasonNoObject)
			}
			dst, _ = c.doc.appendValue(dst, int(items.Value))
		}
	}
	c.doc.check(!items.Malformed)
	return dst
}

// firstBytes are the first bytes of the texts of stored values. Of a number, it is a
// digit in any case.
var firstBytes = [...]byte{
	jsonb.String: '"', jsonb.Number: '0', jsonb.False: 'f', jsonb.True: 't', jsonb.Null: 'n',
	jsonb.Array: '[', jsonb.Object: '{', jsonb.Invalid: 0,
}

// firstStored is first for the stored form.
func (d *document) firstStored(i int) byte { return firstBytes[jsonb.KindOf(d.src, jsonb.Value(i))] }

// appendStored appends the text of a value in the stored form.
func (d *document) appendStored(dst []byte, v jsonb.Value, spacing jsonb.Spacing) []byte {
	if v.Kind() == jsonb.String {
		return jsonb.AppendString(dst, d.src, v.Start(), v.End())
	}
	if d.err != nil {
		return dst
	}
	dst, d.err = jsonb.AppendValue(dst, d.src, v, spacing)
	d.fits(dst)
	return dst
}

// fits reports whether dst is within the limit, and sets err otherwise.
func (d *document) fits(dst []byte) bool {
	if len(dst) <= d.limit {
		return true
	}
	if d.err == nil {
		d.err = jsonb.ErrTooLong
	}
	return false
}
