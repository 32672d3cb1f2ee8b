package fhir

import (
	"encoding/binary"
	"math/bits"
)

// A lookup finds a field by its name. It is a hash table of open addressing
// that looks at few bytes of a name: this is what a conversion does most.
type lookup struct {
	slots []slot // a power of two, at most half full
	shift uint
}

type slot struct {
	name  string
	field *field
}

// newLookup returns the lookup of fields by their names.
func newLookup(fields map[string]*field) lookup {
	width := uint(bits.Len(uint(2*len(fields) + 1)))
	l := lookup{slots: make([]slot, 1<<width), shift: 64 - width}
	for name, f := range fields {
		i := l.home([]byte(name))
		for l.slots[i].field != nil {
			i = (i + 1) % len(l.slots)
		}
		l.slots[i] = slot{name, f}
	}
	return l
}

// find returns the field of that name, or nil.
func (l *lookup) find(name []byte) *field {
	for i := l.home(name); ; i = (i + 1) & (len(l.slots) - 1) {
		s := &l.slots[i]
		if s.field == nil || s.name == string(name) {
			return s.field
		}
	}
}

// home returns the slot where the search for a name starts.
func (l *lookup) home(name []byte) int {
	var a, b uint64
	switch n := len(name); {
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		a, b = uint64(name[0])<<16|uint64(name[n/2])<<8|uint64(name[n-1]), 0
	}
	h := (a ^ bits.RotateLeft64(b, 29) ^ uint64(len(name))) * 0x9E3779B97F4A7C15
	return int(h >> l.shift)
}
