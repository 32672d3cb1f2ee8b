package deflate

// A bitWriter appends bits to a byte slice, starting with the least significant bit of
// a byte (RFC 1951, section 3.1.1). Between calls it buffers fewer than 8 bits.
type bitWriter struct {
	out     []byte
	pending uint64
	count   uint // pending bits
}

// write appends up to 57 bits.
func (w *bitWriter) write(value uint64, length uint) {
	w.pending |= value << w.count
	w.count += length
	for w.count >= 8 {
		w.out = append(w.out, byte(w.pending))
		w.pending >>= 8
		w.count -= 8
	}
}

func (w *bitWriter) writeCode(c code) { w.write(c.value(), c.length()) }

// align fills the current byte with zeros.
func (w *bitWriter) align() {
	w.write(0, -w.count&7)
}

// reserve returns at least n bytes of space after the output. The caller writes to it
// and then calls advance.
func (w *bitWriter) reserve(n int) []byte {
	if cap(w.out)-len(w.out) < n {
		grown := make([]byte, len(w.out), 2*cap(w.out)+n)
		copy(grown, w.out)
		w.out = grown
	}
	return w.out[len(w.out):cap(w.out)]
}

func (w *bitWriter) advance(n int) { w.out = w.out[:len(w.out)+n] }
