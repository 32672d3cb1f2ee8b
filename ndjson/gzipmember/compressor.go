package gzipmember

import (
	"hash/crc32"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
)

// maxSlice bounds what is passed to the encoder at once.
const maxSlice = deflate.BlockSize

// A Compressor makes pieces. It serves one goroutine at a time.
type Compressor struct {
	encoder *deflate.Encoder
	ahead   []byte // output for which there is no room yet
}

// NewCompressor returns a Compressor, which takes half a megabyte.
func NewCompressor() *Compressor { return &Compressor{encoder: deflate.NewEncoder()} }

// Reset makes the next piece independent of those before it, so that it can follow
// any other piece.
func (c *Compressor) Reset() { c.encoder.Reset() }

// Append appends text, compressed, to dst and returns it as a piece. The piece
// must follow that of the last call, unless Reset was called.
func (c *Compressor) Append(dst, text []byte) Piece {
	data := c.encoder.Flush(c.encoder.Append(dst, text))
	return Piece{Data: data, PlainBytes: len(text), CRC: crc32.ChecksumIEEE(text)}
}

// Replace is Append to the memory of text itself, however long that is: the piece
// takes the place of the text.
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
	piece.Data = append(text[:written], c.ahead...)
	return piece
}
