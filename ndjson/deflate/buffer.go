package deflate

import "encoding/binary"

const (
	bufferSize = 1 << 18

	// BlockSize is how much input makes a block, if Flush does not end it before.
	// Besides the block the buffer has what matches can reach back to.
	BlockSize = bufferSize - maxDistance
)

// A buffer is a ring that has the last bufferSize bytes of the stream, addressed
// by their positions in it. Any position may be loaded from, so that what is
// loaded may turn out to be of no significance only afterwards; that saves
// branches and bounds checks.
type buffer [bufferSize + overlap]byte

// The first bytes of the ring are repeated after the last for loads across
// the end.
const overlap = 8

func (b *buffer) load32(i int) uint32 {
	i &= bufferSize - 1
	return binary.LittleEndian.Uint32(b[i : i+4])
}

func (b *buffer) load64(i int) uint64 {
	i &= bufferSize - 1
	return binary.LittleEndian.Uint64(b[i : i+8])
}

// put copies p to position i.
func (b *buffer) put(i int, p []byte) {
	i &= bufferSize - 1
	n := copy(b[i:bufferSize], p)
	copy(b[:], p[n:])
	copy(b[bufferSize:], b[:overlap])
}

// get returns the n bytes from position i in two pieces.
func (b *buffer) get(i, n int) (first, second []byte) {
	i &= bufferSize - 1
	k := min(n, bufferSize-i)
	return b[i : i+k], b[:n-k]
}
