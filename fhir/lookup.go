package fhir

import (
	"encoding/binary"
	"math/bits"
)

// lookup finds a field by its name. It is a hash table with open addressing that
// hashes few bytes of a name: finding fields dominates the cost of a conversion.
type lookup struct {
	slots []slot // a power of two, at most half full
	shift uint

	// start has no field; it precedes the first member of an object.
	start slot
}

type slot struct {
	key   string // the name with its quotes and the colon
	field *field

	// number is the slot's index in Converter.followers. Slots of any lookup may
	// share one; numbers are spread so that few do.
	number uint32
}

// newLookup returns a lookup of fields by name.
func newLookup(fields map[string]*field) lookup {
	width := uint(bits.Len(uint(2*len(fields) + 1)))
	l := lookup{slots: make([]slot, 1<<width), shift: 64 - width}
	for name := range fields {
		l.start.number += uint32(hash([]byte(name)) >> 32)
	}
	for name, f := range fields {
		h := hash([]byte(name))
		i := int(h >> l.shift)
		for l.slots[i].field != nil {
			i = (i + 1) % len(l.slots)
		}
		l.slots[i] = slot{key: `"` + name + `":`, field: f, number: l.start.number + uint32(h>>40)}
	}
	return l
}

// find returns the field with this name, or nil.
func (l *lookup) find(name []byte) *field { return l.slot(name).field }

// slot returns the slot with this name, or one without a field.
func (l *lookup) slot(name []byte) *slot {
	for i := int(hash(name) >> l.shift); ; i = (i + 1) & (len(l.slots) - 1) {
		s := &l.slots[i]
		if s.field == nil || s.key[1:len(s.key)-2] == string(name) {
			return s
		}
	}
}

// hash returns a hash whose highest bits are the best distributed.
func hash(name []byte) uint64 {
	var a, b uint64
	switch n := len(name); {
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		a, b = uint64(name[0])<<16|uint64(name[n/2])<<8|uint64(name[n-1]), 0
	}
	return (a ^ bits.RotateLeft64(b, 29) ^ uint64(len(name))) * 0x9E3779B97F4A7C15
}
