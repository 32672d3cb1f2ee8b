package deflate

// A histogram counts the symbols of sequences. It counts literals in four tables, so
// that increments for equal neighbours do not depend on each other.
type histogram struct {
	literals  [4][256]uint32
	lengths   [256]uint32 // by match length - minLength
	distances [32]uint32
}

// In a block of more than sampleAbove sequences, only a sample is counted, which is
// enough for good codes: sampleCounted of every sampleEvery sequences.
const (
	sampleCounted = 16
	sampleEvery   = 64
	sampleAbove   = 32 * sampleEvery

	// sampleWeight is the weight of a counted symbol, where 1 is the weight of a symbol
	// that may occur outside of the sample.
	sampleWeight = 8
)

// setCounts sets the counts from the sequences, which start at position i.
func (b *block) setCounts(buf *buffer, i int, seqs []sequence) {
	var h histogram
	if len(seqs) <= sampleAbove {
		h.add(buf, i, seqs)
		b.collect(&h, 1, 0)
		return
	}
	for len(seqs) > 0 {
		n := min(sampleCounted, len(seqs))
		i = h.add(buf, i, seqs[:n])
		seqs = seqs[n:]

		n = min(sampleEvery-sampleCounted, len(seqs))
		for _, s := range seqs[:n] {
			i += s.size()
		}
		seqs = seqs[n:]
	}
	b.collect(&h, sampleWeight, 1)
}

// add counts the sequences, which start at position i, and returns the position after
// them.
func (h *histogram) add(buf *buffer, i int, seqs []sequence) int {
	for _, s := range seqs {
		n := s.literals()
		for ; n >= 4; n -= 4 {
			v := buf.load32(i)
			h.literals[0][uint8(v)]++
			h.literals[1][uint8(v>>8)]++
			h.literals[2][uint8(v>>16)]++
			h.literals[3][uint8(v>>24)]++
			i += 4
		}
		v := buf.load32(i)
		h.literals[0][uint8(v)] += uint32(present(n, 0)) & 1
		h.literals[1][uint8(v>>8)] += uint32(present(n, 1)) & 1
		h.literals[2][uint8(v>>16)] += uint32(present(n, 2)) & 1
		i += n
		if s.lengthIndex() != 0 {
			h.lengths[s.lengthIndex()]++
			symbol, _ := distanceSymbol(s.distanceIndex())
			h.distances[symbol&31]++
			i += int(s.lengthIndex()) + minLength
		}
	}
	return i
}

// collect sets each count to that in h times weight, plus floor.
func (b *block) collect(h *histogram, weight, floor uint32) {
	for c := range 256 {
		n := h.literals[0][c] + h.literals[1][c] + h.literals[2][c] + h.literals[3][c]
		b.literalCounts[c] = n*weight + floor
	}
	b.literalCounts[endOfBlock] = 1
	for symbol := firstLength; symbol < literalSymbols; symbol++ {
		b.literalCounts[symbol] = floor
	}
	for index, n := range h.lengths {
		b.literalCounts[firstLength+int(lengthSymbols[index])] += n * weight
	}
	for symbol := range b.distanceCounts {
		b.distanceCounts[symbol] = h.distances[symbol]*weight + floor
	}
}
