package bypatient

import (
	"errors"

	"github.com/seed-90096f4d/sluice/source"
)

// The index of an export lists the rows of each patient block: a key, the id of the
// patient, and the addresses of its rows, in their order. It is a stream of bytes
// that is written once and read in sections of whole blocks. Both sides work in
// constant memory, whatever the size of a block.

// The marks before what follows in an index.
const (
	markKey = 'k' // the length of the key, and the key
	markRow = 'r' // the relation, page and offset of the row, and the bytes of the resource
	markEnd = '.' // the end of the section
)

// maxKeyBytes bounds the length of a key: the largest value of PostgreSQL.
const maxKeyBytes = 1 << 30

// errBrokenIndex means that the bytes are not a valid section of an index.
var errBrokenIndex = errors.New("the index of patient blocks is broken")

// indexSection is a section of an index that can be read by itself.
type indexSection struct {
	// Offset and Length are its position in the index, in bytes.
	Offset, Length int64

	// Rows is the number of its rows. A row of two blocks counts twice.
	Rows int64 `json:"-"`

	// Bytes is the size of their resources on disk.
	Bytes int64 `json:"-"`
}

// indexRow is a row of a patient block.
type indexRow struct {
	// first reports whether the row begins a block.
	first bool

	// key identifies the row's block. It is valid until the next block begins.
	key []byte

	place source.RowAddress

	// bytes is the size of the resource on disk.
	bytes int64
}
