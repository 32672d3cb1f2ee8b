package deflate

import "encoding/binary"

// A word collects bits in a register, for loops in which a bitWriter is too slow. It has
// room for the fewer than 8 bits left by store and 56 more.
type word struct {
	bits  uint64
	count uint // of bits, modulo 64; the bits above the low 6 are undefined
}

// addCode appends a code. It adds the whole code to the count, including its value, which
// saves extracting the length.
func (w word) addCode(c code) word {
	return word{w.bits | c.value()<<(w.count&63), w.count + uint(c)}
}

// add appends bits.
func (w word) add(value uint64, length uint) word {
	return word{w.bits | value<<(w.count&63), w.count + length}
}

// store stores the word at out[n:] and returns the bits of an incomplete byte, if any, as
// a new word, and the index at which to store it.
func (w word) store(out []byte, n int) (word, int) {
	binary.LittleEndian.PutUint64(out[n:], w.bits)
	return word{w.bits >> (w.count & 56), w.count & 7}, n + int(w.count&63>>3)
}
