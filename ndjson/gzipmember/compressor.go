package gzipmember

import (
	"hash/crc32"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
)

// maxSlice is the maximum number of bytes to pass to the encoder at once.
const maxSlice = deflate.BlockSize

// A Compressor compresses text to pieces. It is not safe for concurrent use.
type Compressor struct {
	encoder *deflate.Encoder
	ahead   []byte // output of Replace for which there is no room yet
}

// NewCompressor returns a Compressor, which uses half a megabyte.
func NewCompressor() *Compressor { return &Compressor{encoder: deflate.NewEncoder()} }

// Reset makes the next piece independent of the pieces before it, so that it can
// follow any other piece.
func (c *Compressor) Reset() { c.encoder.Reset() }

// Append compresses text to the end of dst and returns all of dst as a piece. The
// piece must follow the piece of the last call, unless Reset was called since.
func (c *Compressor) Append(dst, text []byte) Piece {
	data := c.encoder.Flush(c.encoder.Append(dst, text))
	return Piece{Data: data, PlainBytes: len(text), CRC: crc32.ChecksumIEEE(text)}
}

// Replace is Append with the memory of text as the output buffer: it overwrites text, so
// that a long text needs no second buffer.
func (c *Compressor) Replace(text []byte) Piece {
	piece := Piece{PlainBytes: len(text), CRC: crc32.ChecksumIEEE(text)}
	read, written := 0, 0
	c.ahead = c.ahead[:0]
	for slice := range slices.Chunk(text, maxSlice) {
		c.ahead = c.encoder.Append(c.ahead, slice)
		read += len(slice)
		n := copy(text[written:read], c.ahead)
		written += n
		c.ahead = c.ahead[:copy(c.ahead, c.ahead[n:])]
	}
	c.ahead = c.encoder.Flush(c.ahead)
	text = append(text[:written], c.ahead...)
	piece.Data = text
	return piece
}
