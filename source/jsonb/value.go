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
// data including the padding before it. It is a positive integer.
type Value int

// Parts of a Value, which needs an int of 64 bits. No document is as large as 1 GiB.
const (
	valueKindShift  = 60
	valueStartShift = 30
	valueEndMask    = 1<<valueStartShift - 1

	_ = int(Container) << valueKindShift // does not compile where int is too small
)

func newValue(kind Kind, start, end int) Value {
	return Value(int(kind)<<valueKindShift | start<<valueStartShift | end)
}

// Kind returns the kind as in the value's entry, which is never Array, Object or Invalid.
func (v Value) Kind() Kind { return Kind(v >> valueKindShift) }

// Start returns the start of the value's data.
func (v Value) Start() int { return int(v) >> valueStartShift & valueEndMask }

// End returns the end of the value's data.
func (v Value) End() int { return int(v) & valueEndMask }

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
	if len(doc) < headerBytes || len(doc) > maxDocument {
		return 0, false
	}
	header := binary.LittleEndian.Uint32(doc)
	if header&scalarFlag == 0 {
		return newValue(Container, 0, len(doc)), true
	}
	const data = headerBytes + entryBytes
	if header != arrayFlag|scalarFlag|1 || len(doc) < data {
		return 0, false
	}
	entry := binary.LittleEndian.Uint32(doc[headerBytes:])
	end := childEnd(entry, data, data)
	if end != len(doc) || kindOf(entry) >= Container {
		return 0, false
	}
	return newValue(kindOf(entry), data, end), true
}

// KindOf returns the kind of a value, which is never Container.
func KindOf(doc []byte, v Value) Kind {
	if v.Kind() != Container {
		return v.Kind()
	}
	start := aligned(v.Start())
	if v.End() > len(doc) || start+headerBytes > v.End() {
		return Invalid
	}
	return kindOfContainer(binary.LittleEndian.Uint32(doc[start:]))
}

func aligned(offset int) int { return (offset + alignmentMask) &^ alignmentMask }

// kindOfContainer returns the kind of a container with this header.
func kindOfContainer(header uint32) Kind {
	switch header &^ countMask {
	case arrayFlag:
		return Array
	case objectFlag:
		return Object
	}
	return Invalid
}
