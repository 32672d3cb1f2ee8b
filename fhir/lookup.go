package fhir

import (
	"encoding/binary"
	"math/bits"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// lookup finds a field by its name. It is a hash table with open addressing that
// hashes few bytes of a name: finding fields dominates the cost of a conversion.
type lookup struct {
	slots []*slot // a power of two, at most half full
	shift uint

	// start has no field; it precedes the first member of an object.
	start slot
}

// slot is a field in a lookup.
type slot struct {
	field *field // nil: the members of this name have none
	name  words
	key   words // the name with its quotes and the colon

	// plain reports that only the value is converted to FHIR, and a string not at all.
	plain bool

	// number is the slot's index in Converter.followers. Slots of any lookup may
	// share one; numbers are spread so that few do.
	number uint32
}

// noSlot is the slot of names that are not in a lookup.
var noSlot slot

// newLookup returns a lookup of fields by name.
func newLookup(fields map[string]*field) lookup {
	width := uint(bits.Len(uint(2*len(fields) + 1)))
	l := lookup{slots: make([]*slot, 1<<width), shift: 64 - width}
	for name := range fields {
		l.start.number += uint32(hash([]byte(name)) >> 32)
	}
	for name, f := range fields {
		h := hash([]byte(name))
		i := int(h >> l.shift)
		for l.slots[i] != nil {
			i = (i + 1) % len(l.slots)
		}
		l.slots[i] = newSlot(name, f, l.start.number+uint32(h>>40))
	}
	return l
}

// newSlot returns the slot of a field with this name.
func newSlot(name string, f *field, number uint32) *slot {
	key := jsonscan.NewSpan(`"` + name + `":`)
	return &slot{
		field: f, name: newWords(key[1 : len(key)-2]), key: newWords(key),
		plain:  f.action[toFHIR] == convert && !f.isURL,
		number: number,
	}
}

// appendKey appends the key of the slot.
func (s *slot) appendKey(dst []byte) []byte {
	key := s.key.text
	return jsonscan.AppendSpan(dst, key[:cap(key)], 0, len(key))
}

// find returns the field with this name, or nil.
func (l *lookup) find(name []byte) *field { return l.slot(name).field }

// slot returns the slot with this name, or noSlot.
func (l *lookup) slot(name []byte) *slot {
	for i := int(hash(name) >> l.shift); ; i = (i + 1) & (len(l.slots) - 1) {
		switch s := l.slots[i]; {
		case s == nil:
			return &noSlot
		case string(s.name.text) == string(name):
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

// words are a text with its first and last eight bytes, which tell most names completely
// and are compared faster than a string.
type words struct {
	text       []byte
	head, tail uint64
}

const wordBytes = 8

func newWords(text []byte) words {
	var padded [wordBytes]byte
	copy(padded[:], text)
	w := words{text: text, head: binary.LittleEndian.Uint64(padded[:])}
	if len(text) >= wordBytes {
		w.tail = binary.LittleEndian.Uint64(text[len(text)-wordBytes:])
	}
	return w
}

// equal reports whether src[start:end] is the text.
func (w *words) equal(src []byte, start, end int) bool {
	n := len(w.text)
	switch {
	case end-start != n || end > len(src):
		return false
	case n > 2*wordBytes || start+wordBytes > len(src):
		return string(src[start:end]) == string(w.text)
	}
	head := binary.LittleEndian.Uint64(src[start:])
	if n < wordBytes {
		return (head^w.head)<<(8*(wordBytes-n)) == 0
	}
	return head == w.head && binary.LittleEndian.Uint64(src[end-wordBytes:]) == w.tail
}
