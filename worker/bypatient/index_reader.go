package bypatient

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/seed-90096f4d/sluice/source"
)

// indexReader reads a section of an index.
type indexReader struct {
	in        *bufio.Reader
	relations int
	key       bytes.Buffer
	hasKey    bool
}

// rangeBytes is how much of an index is read into memory at once.
const rangeBytes = 256 << 10

// newIndexReader returns an indexReader of the section that r reads, whose rows lie
// in so many relations.
func newIndexReader(r io.Reader, relations int) *indexReader {
	return &indexReader{in: bufio.NewReaderSize(r, rangeBytes), relations: relations}
}

// next returns the next row, or io.EOF after the last. The error is errBrokenIndex if
// r is not a section, or ends too early.
func (r *indexReader) next() (indexRow, error) {
	mark, err := r.in.ReadByte()
	if err != nil {
		return indexRow{}, broken(err)
	}
	first := mark == markKey
	if first {
		if mark, err = r.readKey(); err != nil {
			return indexRow{}, broken(err)
		}
	}
	switch {
	case mark == markEnd && !first:
		return indexRow{}, io.EOF
	case mark != markRow || !r.hasKey || r.relations < 1:
		return indexRow{}, errBrokenIndex
	}
	row := indexRow{first: first, key: r.key.Bytes()}
	relation, err1 := r.number(uint64(r.relations) - 1)
	block, err2 := r.number(math.MaxUint32)
	offset, err3 := r.number(math.MaxUint16)
	size, err4 := r.number(math.MaxInt64)
	row.place = source.RowAddress{Relation: int(relation), TID: source.TID{Page: uint32(block), Offset: uint16(offset)}}
	row.bytes = int64(size)
	return row, broken(errors.Join(err1, err2, err3, err4))
}

// readKey reads a key and the mark after it.
func (r *indexReader) readKey() (mark byte, err error) {
	length, err := r.number(maxKeyBytes)
	if err != nil {
		return 0, err
	}
	r.key.Reset()
	r.hasKey = true
	if _, err := io.CopyN(&r.key, r.in, int64(length)); err != nil { // allocates no more than there is
		return 0, err
	}
	return r.in.ReadByte()
}

// number reads a number of at most max.
func (r *indexReader) number(max uint64) (uint64, error) {
	n, err := binary.ReadUvarint(r.in)
	if err == nil && n > max {
		err = errBrokenIndex
	}
	return n, err
}

// broken returns errBrokenIndex for the error of a section that is cut short.
func broken(err error) error {
	switch {
	case err == nil || errors.Is(err, errBrokenIndex):
		return err
	case errors.Is(err, io.EOF): // which would mean that the section is complete
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", errBrokenIndex, err)
}
