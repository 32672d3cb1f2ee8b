package jsonb

import "encoding/binary"

// Members are the members of an object, in the order of jsonb: by the length of their
// names, then by bytes.
type Members struct {
	keys, values children
	left         int // members that were not read yet
	name         Value
	value        Value
}

// MembersOf returns the members of an object.
func MembersOf(doc []byte, object Value) (m Members, ok bool) {
	keys, ok := open(doc, object)
	if !ok {
		return m, false
	}
	count := (keys.entries - keys.entry) / (2 * entryBytes)
	m = Members{keys: keys, values: keys, left: count}
	m.values.entry += count * entryBytes
	m.values.data, ok = keys.endOf(doc, count)
	m.keys.entries, m.keys.end = m.values.entry, m.values.data
	return m, ok
}

// stride is the number of entries after which one has an offset in place of a length.
const stride = 32

// endOf returns the end of the data of the next count children.
func (c *children) endOf(doc []byte, count int) (end int, ok bool) {
	i := 0
	if count > stride {
		if last := (count - 1) / stride * stride; binary.LittleEndian.Uint32(doc[c.entry+last*entryBytes:])&offsetFlag != 0 {
			i = last
		}
	}
	end = c.data
	for ; i < count; i++ {
		entry := binary.LittleEndian.Uint32(doc[c.entry+i*entryBytes:])
		if entry&offsetFlag != 0 {
			end = c.base
		}
		end += int(entry & lengthMask)
	}
	return end, end <= c.end
}

// Next advances to the next member and reports whether there is one. ok is false if
// the object is malformed.
func (m *Members) Next(doc []byte) (more, ok bool) {
	if m.left == 0 {
		return false, true
	}
	m.left--
	if m.name, ok = m.keys.next(doc); !ok || m.name.kind != String {
		return false, false
	}
	m.value, ok = m.values.next(doc)
	return ok, ok
}

// Name returns the name of the current member, as decoded.
func (m *Members) Name(doc []byte) []byte { return doc[m.name.Start:m.name.End] }

// Value returns the value of the current member.
func (m *Members) Value() Value { return m.value }

// Items are the items of an array.
type Items struct {
	children
	value Value
}

// ItemsOf returns the items of an array.
func ItemsOf(doc []byte, array Value) (items Items, ok bool) {
	items.children, ok = open(doc, array)
	return items, ok
}

// Next advances to the next item and reports whether there is one. ok is false if the
// array is malformed.
func (i *Items) Next(doc []byte) (more, ok bool) {
	if i.entry == i.entries {
		return false, true
	}
	i.value, ok = i.next(doc)
	return ok, ok
}

// Value returns the current item.
func (i *Items) Value() Value { return i.value }
