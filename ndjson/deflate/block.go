package deflate

// Code length limits. Four literals, or a match with its extra bits, fit into a 64-bit
// word together with up to 7 pending bits. Limiting literals to 14 bits instead of the
// 15 of RFC 1951 costs almost nothing.
const (
	literalLimit    = 14
	distanceLimit   = 15
	codeLengthLimit = 7 // RFC 1951, section 3.2.7
)

// A block is the statistics and Huffman codes of a DEFLATE block.
type block struct {
	literalCounts   [literalSymbols]uint32
	distanceCounts  [distanceSymbols]uint32
	literalLengths  [literalSymbols]uint8
	distanceLengths [distanceSymbols]uint8
	literalCodes    [literalSymbols]code
	distanceCodes   [32]code // a power of two, to save a bounds check

	// lengthCodes contains the code of a match length together with its extra bits,
	// indexed by the length - minLength.
	lengthCodes [256]code

	header header
}

// write writes the bytes from start to end, whose sequences are seqs, as a block of the
// smallest type.
func (b *block) write(w *bitWriter, buf *buffer, start, end int, seqs []sequence) {
	before := *w
	b.setCounts(buf, start, seqs)
	b.writeHeader(w)
	b.joinLengthCodes()
	b.writeSequences(w, buf, start, seqs)
	w.writeCode(b.literalCodes[endOfBlock])

	if len(w.out)-len(before.out) > storedSize(end-start) {
		w.out = w.out[:len(before.out)]
		w.pending, w.count = before.pending, before.count
		first, second := buf.get(start, end-start)
		writeStored(w, first, second)
	}
}

// writeHeader chooses codes for the counted symbols and writes their description.
func (b *block) writeHeader(w *bitWriter) {
	codeLengths(b.literalLengths[:], b.literalCounts[:], literalLimit)
	codeLengths(b.distanceLengths[:], b.distanceCounts[:], distanceLimit)
	b.header.build(&b.literalLengths, &b.distanceLengths)

	fixed := b.size(&fixedLiteralLengths, &fixedDistanceLengths)
	if fixed <= b.header.size+b.size(&b.literalLengths, &b.distanceLengths) {
		writeBlockStart(w, blockFixed)
		b.literalCodes = fixedLiteralCodes
		copy(b.distanceCodes[:], fixedDistanceCodes[:])
		return
	}
	writeBlockStart(w, blockDynamic)
	b.header.write(w)
	assignCodes(b.literalCodes[:], b.literalLengths[:])
	assignCodes(b.distanceCodes[:distanceSymbols], b.distanceLengths[:])
}

// size returns the number of bits of the counted symbols with codes of the given
// lengths.
func (b *block) size(literals *[literalSymbols]uint8, distances *[distanceSymbols]uint8) int {
	size := 0
	for symbol, n := range b.literalCounts {
		size += int(n) * int(literals[symbol])
	}
	for symbol, n := range b.literalCounts[firstLength:] {
		size += int(n) * int(lengthExtraBits[symbol])
	}
	for symbol, n := range b.distanceCounts {
		size += int(n) * (int(distances[symbol]) + max(0, symbol/2-1))
	}
	return size
}

// joinLengthCodes sets lengthCodes.
func (b *block) joinLengthCodes() {
	for index := range b.lengthCodes {
		symbol := lengthSymbols[index]
		c := b.literalCodes[firstLength+int(symbol)]
		extra := uint32(index) - uint32(lengthBases[symbol])
		b.lengthCodes[index] = makeCode(uint32(c.value())|extra<<c.length(), c.length()+uint(lengthExtraBits[symbol]))
	}
}

// writeSequences writes the sequences, which start at position i of the stream.
func (b *block) writeSequences(w *bitWriter, buf *buffer, i int, seqs []sequence) {
	// maxStore is the maximum number of bytes that the stores for a sequence touch.
	const maxStore = (maxRun*literalLimit+7)/8 + 8 + 8

	var out []byte // where to write
	n := 0         // bytes written there
	bits := word{w.pending, w.count}
	for _, s := range seqs {
		if n+maxStore > len(out) {
			w.advance(n)
			out = w.reserve(4 * maxStore)
			n = 0
		}
		run := s.literals()
		for ; run >= 4; run -= 4 {
			v := buf.load32(i)
			bits = bits.addCode(b.literalCodes[uint8(v)])
			bits = bits.addCode(b.literalCodes[uint8(v>>8)])
			bits = bits.addCode(b.literalCodes[uint8(v>>16)])
			bits = bits.addCode(b.literalCodes[uint8(v>>24)])
			bits, n = bits.store(out, n)
			i += 4
		}
		if run > 0 {
			v := buf.load32(i)
			bits = bits.addCode(b.literalCodes[uint8(v)])
			bits = bits.addCode(b.literalCodes[uint8(v>>8)] & code(present(run, 1)))
			bits = bits.addCode(b.literalCodes[uint8(v>>16)] & code(present(run, 2)))
			bits, n = bits.store(out, n)
			i += run
		}
		if s.lengthIndex() == 0 {
			continue
		}
		bits = bits.addCode(b.lengthCodes[s.lengthIndex()])
		distance := s.distanceIndex()
		symbol, extra := distanceSymbol(distance)
		bits = bits.addCode(b.distanceCodes[symbol&31])
		bits = bits.add(uint64(distance&(1<<extra-1)), extra)
		bits, n = bits.store(out, n)
		i += int(s.lengthIndex()) + minLength
	}
	w.advance(n)
	w.pending, w.count = bits.bits, bits.count
}

// present returns a mask: all ones if k < n, otherwise 0.
func present(n, k int) int { return (k - n) >> 63 }
