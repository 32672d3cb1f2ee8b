package deflate

import (
	"math/bits"
	"slices"
)

// A code is a Huffman code as it is written. The low byte is its length; above it are
// the bits, reversed because Huffman codes are packed starting with their most
// significant bit (RFC 1951, section 3.1.1).
type code uint32

func makeCode(value uint32, length uint) code { return code(value<<8 | uint32(length)) }

func (c code) length() uint  { return uint(c & 255) }
func (c code) value() uint64 { return uint64(c >> 8) }

// maxSymbols is the size of the largest alphabet, literals and lengths.
const maxSymbols = 286

// codeLengths sets lengths to the code lengths, at most limit, of a Huffman code for
// symbols of the given frequencies. An unused symbol has length 0; an only symbol has
// length 1.
func codeLengths(lengths []uint8, frequencies []uint32, limit int) {
	clear(lengths)

	// Leaves are sorted by frequency, the symbol in the low bits.
	const symbolBits = 9
	var leafSpace [maxSymbols]uint32
	leaves := leafSpace[:0]
	for symbol, frequency := range frequencies {
		if frequency != 0 {
			leaves = append(leaves, frequency<<symbolBits|uint32(symbol))
		}
	}
	if len(leaves) == 0 {
		return
	}
	slices.Sort(leaves)

	perLength := leavesPerLength(leaves, symbolBits, limit)
	next := 0
	for length := limit; length > 0; length-- { // the rarest get the longest
		for range perLength[length] {
			lengths[leaves[next]&(1<<symbolBits-1)] = uint8(length)
			next++
		}
	}
}

// leavesPerLength returns the number of leaves for each code length. The leaves are
// sorted by frequency.
func leavesPerLength(leaves []uint32, shift uint, limit int) (perLength [16]int) {
	n := len(leaves)
	if n == 1 {
		perLength[1] = 1
		return perLength
	}

	// Join the two rarest nodes until one is left. Joined nodes are created in order of
	// frequency, so the rarest node is either the next leaf or the next joined node.
	var joined [maxSymbols]struct {
		weight uint32
		parent uint16
		leaves uint8 // children that are leaves
		depth  uint8 // of the children, at most the limit
	}
	leaf, inner := 0, 0
	for made := range n - 1 {
		for range 2 {
			if leaf < n && (inner == made || leaves[leaf]>>shift <= joined[inner].weight) {
				joined[made].weight += leaves[leaf] >> shift
				joined[made].leaves++
				leaf++
			} else {
				joined[made].weight += joined[inner].weight
				joined[inner].parent = uint16(made)
				inner++
			}
		}
	}

	root := n - 2 // the last one joined
	joined[root].depth = 1
	perLength[1] = int(joined[root].leaves)
	for i := root - 1; i >= 0; i-- {
		node := &joined[i]
		node.depth = min(joined[node.parent].depth+1, uint8(limit))
		perLength[node.depth] += int(node.leaves)
	}
	repair(&perLength, limit)
	return perLength
}

// repair makes a code valid again after lengths were reduced to the limit. Each step
// moves a leaf of the greatest length next to a shorter leaf, which moves down one
// level.
func repair(perLength *[16]int, limit int) {
	used := 0 // code space, in units of codes of the greatest length
	for length := 1; length <= limit; length++ {
		used += perLength[length] << (limit - length)
	}
	for ; used > 1<<limit; used-- {
		length := limit - 1
		for perLength[length] == 0 {
			length--
		}
		perLength[length]--
		perLength[length+1] += 2
		perLength[limit]--
	}
}

// assignCodes sets codes to the canonical codes for the lengths (RFC 1951,
// section 3.2.2).
func assignCodes(codes []code, lengths []uint8) {
	var perLength, next [16]uint16
	for _, length := range lengths {
		perLength[length&15]++
	}
	perLength[0] = 0
	for length := 1; length < 16; length++ {
		next[length] = (next[length-1] + perLength[length-1]) << 1
	}
	for symbol, length := range lengths {
		if length == 0 {
			codes[symbol] = 0
			continue
		}
		value := bits.Reverse16(next[length&15]) >> (16 - length)
		next[length&15]++
		codes[symbol] = makeCode(uint32(value), uint(length))
	}
}
