// Package deflate is a DEFLATE (RFC 1951) encoder for lines of JSON. It has one level
// of effort, which favors speed.
//
// A block of input is compressed in three steps. The finder searches for matches and
// returns sequences, each a run of literals and a match. From a sample of them, the
// block builds Huffman codes. Then it writes the sequences, with the literals from the
// input.
//
// Most of the time is lost to mispredicted branches, two or three for each match, so
// the encoder prefers few long matches to the smallest output.
//
// The package compresses bytes in memory. It must not know what they mean or which
// format (gzip) contains them.
package deflate

// An Encoder compresses one stream at a time. It uses half a megabyte and is not safe
// for concurrent use. Its methods append to a slice and return it, as append does; they
// may overwrite the slice's unused capacity.
//
// No block of the output is marked as the last one. To end a stream, append such a
// block after a Flush, for example the empty one {3, 0} (RFC 1951, 3.2.3 and 3.2.6).
// Instead, the output of another Encoder can follow.
type Encoder struct {
	buf    buffer
	finder finder
	block  block

	// Positions in the stream of the first byte of the current block and of the end of
	// the input.
	start, end int

	pending uint64 // bits of an incomplete byte
	count   uint
}

// Positions in a stream are ints, which must not overflow after 2 GiB. This does not
// compile if an int has 32 bits.
const _ int = 1 << 32

// NewEncoder returns an Encoder at the start of a stream.
func NewEncoder() *Encoder {
	e := new(Encoder)
	e.Reset()
	return e
}

// Reset starts a new stream.
func (e *Encoder) Reset() { e.reset(firstPosition) }

func (e *Encoder) reset(origin int) {
	e.finder.reset(origin)
	e.start, e.end = origin, origin
	e.pending, e.count = 0, 0
}

// Append compresses p. It may buffer up to BlockSize bytes of input.
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

// Flush writes all buffered input, so that everything up to it can be decompressed. The
// output then ends on a byte boundary, after an empty stored block.
func (e *Encoder) Flush(dst []byte) []byte {
	if e.end > e.start {
		dst = e.compress(dst)
	}
	w := e.writer(dst)
	writeStored(&w, nil, nil)
	return e.keep(w)
}

// compress writes the buffered input as a block.
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
