package deflate

import "encoding/binary"

// A word gathers bits in a register, for loops in which a bitWriter would be
// too slow. It has room for the fewer than 8 bits left by store and 56 more.
type word struct {
	bits  uint64
	count uint // of bits, modulo 64; what is above the low 6 bits is noise
}

// addCode appends a code. It adds all of the code to the count, value included,
// which saves taking the length out of it.
func (w word) addCode(c code) word {
	return word{w.bits | c.value()<<(w.count&63), w.count + uint(c)}
}

// add appends bits.
func (w word) add(value uint64, length uint) word {
	return word{w.bits | value<<(w.count&63), w.count + length}
}

// store stores the word at out[n:] and returns the bits of an unfinished byte,
// if any, as a new word and where to store that.
func (w word) store(out []byte, n int) (word, int) {
	binary.LittleEndian.PutUint64(out[n:], w.bits)
	return word{w.bits >> (w.count & 56), w.count & 7}, n + int(w.count&63>>3)
}
