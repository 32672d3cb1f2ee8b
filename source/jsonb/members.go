package jsonb

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// children are the entries of a container that were not read yet, of an object the
// entries of the names, which those of the values follow.
type children struct {
	entry int // the next entry
	left  int // children that were not read yet
	base  int // the start of the data of all children, which offsets count from
	end   int // of that data, where the last child ends
}

// open returns the children of a container, whose data is between start and end, and its
// kind, which is Array or Object; Invalid if it is not well formed.
func open(doc []byte, start, end int) (c children, kind Kind) {
	start = aligned(start)
	if end > len(doc) || start+headerBytes > end {
		return c, Invalid
	}
	header := binary.LittleEndian.Uint32(doc[start:])
	c.left = int(header & countMask)
	c.entry = start + headerBytes
	c.base, c.end = c.entry+c.left*entryBytes, end
	switch header &^ countMask {
	case arrayFlag:
		kind = Array
	case objectFlag:
		kind = Object
		c.base += c.left * entryBytes
	default:
		return c, Invalid
	}
	if c.base > end {
		return c, Invalid
	}
	return c, kind
}

// childEnd returns the end of a child's data from its entry and its start.
func childEnd(entry uint32, start, base int) int {
	if entry&offsetFlag != 0 {
		start = base
	}
	return start + int(entry&lengthMask)
}

// endOfNames returns the end of the data of names from all their entries.
func endOfNames(entries []byte, base int) int {
	end := base
	for ; len(entries) >= entryBytes; entries = entries[entryBytes:] {
		end = childEnd(binary.LittleEndian.Uint32(entries), end, base)
	}
	return end
}

func kindOf(entry uint32) Kind { return Kind(entry >> kindShift & kindMask) }

// Members are the members of an object, in the order of jsonb: by the length of their
// names, then by bytes.
type Members struct {
	// NameStart and NameEnd are the position of the current member's name in the
	// document.
	NameStart, NameEnd int

	// Value is the value of the current member.
	Value Value

	// Malformed reports that Next returned false because the object is malformed.
	Malformed bool

	names    children
	distance int // from the entry of a name to that of its value
	end      int // of the data of the last value that was read
}

// MembersOf returns the members of an object.
func MembersOf(doc []byte, object Value) (m Members) {
	c, kind := open(doc, object.Start(), object.End())
	if kind != Object {
		m.Malformed = true
		return m
	}
	m.distance = c.left * entryBytes
	m.NameEnd, m.end = c.base, endOfNames(doc[c.entry:c.entry+m.distance], c.base)
	if m.Malformed = m.end > c.end || c.left == 0 && m.end != c.end; !m.Malformed {
		m.names = c
	}
	return m
}

// Next advances to the next member and reports whether there is one.
func (m *Members) Next(doc []byte) bool {
	if m.names.left == 0 {
		return false
	}
	m.names.left--
	name := binary.LittleEndian.Uint32(doc[m.names.entry:])
	value := binary.LittleEndian.Uint32(doc[m.names.entry+m.distance:])
	m.names.entry += entryBytes

	nameStart, start := m.NameEnd, m.end
	nameEnd, end := childEnd(name, nameStart, m.names.base), childEnd(value, start, m.names.base)
	if kindOf(name) != String || nameEnd < nameStart || nameEnd > m.names.end ||
		kindOf(value) > Container || end < start || end > m.names.end ||
		m.names.left == 0 && end != m.names.end {
		m.Malformed, m.names.left = true, 0
		return false
	}
	m.NameStart, m.NameEnd, m.end = nameStart, nameEnd, end
	m.Value = newValue(kindOf(value), start, end)
	return true
}

// More reports whether there are more members, unless the object is malformed.
func (m *Members) More() bool { return m.names.left > 0 }

// CompareNames compares the names of members, as decoded, in the order of jsonb.
func CompareNames(name []byte, other string) int {
	if order := cmp.Compare(len(name), len(other)); order != 0 {
		return order
	}
	return bytes.Compare(name, []byte(other))
}

// Items are the items of an array.
type Items struct {
	// Value is the current item.
	Value Value

	// Malformed reports that Next returned false because the array is malformed.
	Malformed bool

	children
	data int // the end of the data of the current item
}

// ItemsOf returns the items of an array.
func ItemsOf(doc []byte, array Value) (items Items) {
	c, kind := open(doc, array.Start(), array.End())
	if kind != Array {
		items.Malformed = true
		return items
	}
	items.children, items.data = c, c.base
	items.Malformed = c.left == 0 && c.base != c.end
	return items
}

// Next advances to the next item and reports whether there is one.
func (i *Items) Next(doc []byte) bool {
	if i.left == 0 {
		return false
	}
	i.left--
	entry := binary.LittleEndian.Uint32(doc[i.entry:])
	i.entry += entryBytes

	start := i.data
	end := childEnd(entry, start, i.base)
	if end < start || end > i.end || i.left == 0 && end != i.end || kindOf(entry) > Container {
		i.Malformed, i.left = true, 0
		return false
	}
	i.data = end
	i.Value = newValue(kindOf(entry), start, end)
	return true
}
