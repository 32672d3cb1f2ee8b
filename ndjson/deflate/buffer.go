package deflate

import "encoding/binary"

const (
	bufferSize = 1 << 18

	// BlockSize is the maximum number of input bytes in a block. The rest of the buffer
	// is the window that matches can refer to.
	BlockSize = bufferSize - maxDistance
)

// A buffer is a ring of the last bufferSize bytes of the stream, addressed by their
// positions in the stream. Loads from any position are allowed, so that callers can
// load first and decide afterwards whether the value is valid, which saves branches and
// bounds checks.
type buffer [bufferSize + overlap]byte

// overlap is the number of bytes from the start of the ring that are repeated after its
// end, for loads across the end.
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
