package jsonb

import "encoding/binary"

// Kind is the type of a value.
type Kind uint8

// The kinds, numbered as in the entries of a container.
const (
	String Kind = iota
	Number
	False
	True
	Null
	Container // an array or an object, as its header says

	// Array, Object and Invalid are returned by KindOf only.
	Array
	Object
	Invalid
)

// Value is the position of a value in a document: its kind as in its entry, and its
// data including the padding before it.
type Value struct {
	Start, End int
	kind       Kind
}

// Parts of the header of a container.
const (
	countMask   = 0x0FFFFFFF
	scalarFlag  = 0x10000000
	objectFlag  = 0x20000000
	arrayFlag   = 0x40000000
	headerBytes = 4
)

// Parts of an entry.
const (
	entryBytes    = 4
	lengthMask    = 0x0FFFFFFF
	offsetFlag    = 0x80000000 // the length is the end, counted from the start of the data
	kindShift     = 28
	kindMask      = 7
	alignment     = 4 // of numbers and containers
	alignmentMask = alignment - 1
)

// Root returns the root of a document.
func Root(doc []byte) (Value, bool) {
	root := Value{Start: 0, End: len(doc), kind: Container}
	if len(doc) < headerBytes {
		return root, false
	}
	header := binary.LittleEndian.Uint32(doc)
	if header&scalarFlag == 0 {
		return root, true
	}
	if header != arrayFlag|scalarFlag|1 {
		return root, false
	}
	c, ok := open(doc, root)
	if !ok {
		return root, false
	}
	scalar, ok := c.next(doc)
	return scalar, ok && scalar.kind < Container
}

// KindOf returns the kind of a value, which is never Container.
func KindOf(doc []byte, v Value) Kind {
	if v.kind != Container {
		return v.kind
	}
	start := aligned(v.Start)
	if start+headerBytes > v.End || v.End > len(doc) {
		return Invalid
	}
	switch binary.LittleEndian.Uint32(doc[start:]) &^ countMask {
	case arrayFlag:
		return Array
	case objectFlag:
		return Object
	}
	return Invalid
}

func aligned(offset int) int { return (offset + alignmentMask) &^ alignmentMask }

// children are the entries of a container that were not read yet.
type children struct {
	entry, entries int // the next entry, and the end of the entries
	data, end      int // the start of the next child's data, and the end of all data
	base           int // where offsets count from
}

// open returns the children of a container, of an object the keys and then the values.
func open(doc []byte, v Value) (c children, ok bool) {
	start := aligned(v.Start)
	if v.End > len(doc) || start+headerBytes > v.End {
		return c, false
	}
	header := binary.LittleEndian.Uint32(doc[start:])
	count := int(header & countMask)
	if header&objectFlag != 0 {
		count *= 2
	}
	c.entry = start + headerBytes
	c.entries = c.entry + count*entryBytes
	c.base, c.data, c.end = c.entries, c.entries, v.End
	return c, c.entries <= v.End
}

// next returns the next child. The caller knows that there is one.
func (c *children) next(doc []byte) (v Value, ok bool) {
	entry := binary.LittleEndian.Uint32(doc[c.entry:])
	c.entry += entryBytes
	v.Start, v.End = c.data, c.data+int(entry&lengthMask)
	if entry&offsetFlag != 0 {
		v.End = c.base + int(entry&lengthMask)
	}
	v.kind = Kind(entry >> kindShift & kindMask)
	c.data = v.End
	return v, v.Start <= v.End && v.End <= c.end && v.kind <= Container
}
