package deflate

// Block types (RFC 1951, section 3.2.3).
const (
	blockStored  = 0
	blockFixed   = 1
	blockDynamic = 2
)

// writeBlockStart writes the header bits of a block that is not the last.
func writeBlockStart(w *bitWriter, blockType uint64) { w.write(blockType<<1, 3) }

// maxStored is the size of the largest stored block (RFC 1951, section 3.2.4).
const maxStored = 1<<16 - 1

// storedSize returns an upper bound of the size of n bytes, in two pieces, in stored
// blocks.
func storedSize(n int) int { return n + (n/maxStored+2)*5 }

// writeStored writes two pieces of data in stored blocks, at least an empty one.
func writeStored(w *bitWriter, first, second []byte) {
	for len(first) > maxStored {
		writeStoredBlock(w, first[:maxStored])
		first = first[maxStored:]
	}
	writeStoredBlock(w, first)
	if len(second) > 0 {
		writeStored(w, second, nil)
	}
}

func writeStoredBlock(w *bitWriter, data []byte) {
	writeBlockStart(w, blockStored)
	w.align()
	w.write(uint64(len(data))|uint64(^uint16(len(data)))<<16, 32)
	w.out = append(w.out, data...)
}
