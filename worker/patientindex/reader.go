package patientindex

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/seed-90096f4d/sluice/source"
)

// Row is a row of a block.
type Row struct {
	// First tells whether the row begins a block, whose key then is Key.
	First bool

	// Key is the key of the row's block. It is valid until the next block begins.
	Key []byte

	Place source.RowAddress

	// Bytes is what the resource takes on disk.
	Bytes int64
}

// Reader reads a share of an index.
type Reader struct {
	in        *bufio.Reader
	relations int
	key       []byte
	hasKey    bool
}

// NewReader returns a Reader of the share that r gives. Rows lie in as many
// relations.
func NewReader(r io.Reader, relations int) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), relations: relations}
}

// Next returns the next row, or io.EOF behind the last. ErrBroken if the share is
// none, or ends before its end.
func (r *Reader) Next() (Row, error) {
	mark, err := r.in.ReadByte()
	if err != nil {
		return Row{}, broken(err)
	}
	first := mark == markKey
	if first {
		if mark, err = r.readKey(); err != nil {
			return Row{}, broken(err)
		}
	}
	switch {
	case mark == markEnd && !first:
		return Row{}, io.EOF
	case mark != markRow || !r.hasKey || r.relations < 1:
		return Row{}, ErrBroken
	}
	row := Row{First: first, Key: r.key}
	relation, err1 := r.number(uint64(r.relations) - 1)
	block, err2 := r.number(math.MaxUint32)
	offset, err3 := r.number(math.MaxUint16)
	size, err4 := r.number(math.MaxInt64)
	row.Place = source.RowAddress{Relation: int(relation), TID: source.TID{Page: uint32(block), Offset: uint16(offset)}}
	row.Bytes = int64(size)
	return row, broken(errors.Join(err1, err2, err3, err4))
}

// readKey reads a key and the mark behind it.
func (r *Reader) readKey() (mark byte, err error) {
	length, err := r.number(maxKey)
	if err != nil {
		return 0, err
	}
	r.key, r.hasKey = r.key[:0], true
	for left := int(length); left > 0; { // no more memory than there are bytes
		n := min(left, r.in.Size())
		piece, err := r.in.Peek(n)
		if err != nil {
			return 0, err
		}
		r.key = append(r.key, piece...)
		if _, err := r.in.Discard(n); err != nil {
			return 0, err
		}
		left -= n
	}
	return r.in.ReadByte()
}

// number reads one that is not larger than most.
func (r *Reader) number(most uint64) (uint64, error) {
	n, err := binary.ReadUvarint(r.in)
	if err == nil && n > most {
		err = ErrBroken
	}
	return n, err
}

// broken makes an error of a share that is cut short ErrBroken.
func broken(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrBroken):
		return err
	case errors.Is(err, io.EOF): // which would mean that all is there
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}
