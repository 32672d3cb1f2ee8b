// Package deflate is a DEFLATE (RFC 1951) encoder for JSON lines. It has one
// level of effort: as fast as it can be at a decent size.
//
// A block of input goes through three steps. The finder looks for matches and
// leaves behind a sequence of (number of literals, match) pairs. From a sample
// of those, block makes Huffman codes. Then it writes the sequences, taking the
// literals from the input.
//
// Most of the time goes into mispredicted branches, about two or three for a
// match, and so the encoder prefers few and long matches to small savings.
//
// The package works on bytes in memory. It must not know what they mean, how they
// are wrapped (gzip), or who reads them.
package deflate

// An Encoder compresses one stream at a time, using half a megabyte. Its methods
// append to a slice of the caller's and return it, in the manner of append; what
// there is room for behind it may have been written to. It serves one goroutine.
//
// No block of its output says that it is the last. Who ends a stream appends one
// that does after a Flush, such as the empty one {3, 0} (RFC 1951, 3.2.3 and
// 3.2.6), and who does not can go on with the output of another Encoder.
type Encoder struct {
	buf    buffer
	finder finder
	block  block

	// Positions in the stream: of the first byte of the current block and of
	// the end of the input.
	start, end int

	pending uint64 // bits that do not yet fill a byte
	count   uint
}

// Positions in a stream are ints, which 2 GiB of it must not overflow: this does
// not compile where an int has 32 bits.
const _ int = 1 << 32

// NewEncoder returns an Encoder at the start of a stream.
func NewEncoder() *Encoder {
	e := new(Encoder)
	e.Reset()
	return e
}

// Reset makes the Encoder start a new stream.
func (e *Encoder) Reset() { e.reset(firstPosition) }

func (e *Encoder) reset(origin int) {
	e.finder.reset(origin)
	e.start, e.end = origin, origin
	e.pending, e.count = 0, 0
}

// Append compresses p. It may hold back up to BlockSize bytes of input.
func (e *Encoder) Append(dst, p []byte) []byte {
	for len(p) > 0 {
		n := min(len(p), e.start+BlockSize-e.end)
		e.buf.put(e.end, p[:n])
		e.end += n
		p = p[n:]
		if e.end == e.start+BlockSize {
			dst = e.compress(dst)
		}
	}
	return dst
}

// Flush makes everything so far decodable: it ends on a byte boundary after an
// empty stored block.
func (e *Encoder) Flush(dst []byte) []byte {
	if e.end > e.start {
		dst = e.compress(dst)
	}
	w := e.writer(dst)
	writeStored(&w, nil, nil)
	return e.keep(w)
}

// compress writes the input so far as a block.
func (e *Encoder) compress(dst []byte) []byte {
	w := e.writer(dst)
	seqs := e.finder.find(&e.buf, e.start, e.end)
	e.block.write(&w, &e.buf, e.start, e.end, seqs)
	e.start = e.end
	return e.keep(w)
}

func (e *Encoder) writer(dst []byte) bitWriter {
	return bitWriter{out: dst, pending: e.pending, count: e.count}
}

func (e *Encoder) keep(w bitWriter) []byte {
	e.pending, e.count = w.pending, w.count
	return w.out
}
