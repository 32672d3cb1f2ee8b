package gzipmember

import (
	"hash/crc32"
	"io"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
)

// A Stream is an io.WriteCloser that compresses what is written to it to one member. It
// uses half a megabyte and is not safe for concurrent use.
type Stream struct {
	member  *Writer
	encoder *deflate.Encoder
	data    []byte // compressed
}

// NewStream returns a Stream of a member to w.
func NewStream(w io.Writer) *Stream {
	return &Stream{member: NewWriter(w), encoder: deflate.NewEncoder()}
}

// Write implements io.Writer. The stream holds back up to deflate.BlockSize of the text.
func (s *Stream) Write(text []byte) (n int, err error) {
	for slice := range slices.Chunk(text, maxSlice) {
		s.member.crc = crc32.Update(s.member.crc, crc32.IEEETable, slice)
		s.member.size += uint32(len(slice))
		s.data = s.encoder.Append(s.data[:0], slice)
		if err := s.put(); err != nil {
			return n, err
		}
		n += len(slice)
	}
	return n, nil
}

// Flush writes what was held back, so that all text so far can be decompressed. It makes
// the output larger.
func (s *Stream) Flush() error {
	s.data = s.encoder.Flush(s.data[:0])
	return s.put()
}

// Close completes the member. It does not close the underlying writer.
func (s *Stream) Close() error {
	if err := s.Flush(); err != nil {
		return err
	}
	return s.member.Close()
}

// put writes the compressed data.
func (s *Stream) put() error {
	if len(s.data) == 0 {
		return nil
	}
	return s.member.append(s.data)
}
