package load

import (
	"encoding/binary"
	"time"
)

// batch holds rows of one resource type in PostgreSQL's binary COPY format, with the
// columns of rowColumns.
type batch struct {
	resourceType string
	data         []byte
	rows         []rowMark
}

// rowMark is the origin of a row, for errors that the database reports.
type rowMark struct {
	line   int64 // in the file
	offset int   // in data
}

// rowColumns are the columns of a row, in the syntax of COPY.
const rowColumns = "id, txid, ts, cts, resource_type, status, resource"

// row is the row of a resource.
type row struct {
	id               []byte
	txid             int64
	changed, created time.Time
	resourceType     string
	resource         []byte // jsonb text
}

var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// jsonbVersion is the first byte of a jsonb value in binary format; the text follows.
const jsonbVersion = 1

// add appends a row that was read from a line.
func (b *batch) add(line int64, r row) {
	if len(b.data) == 0 {
		b.data = append(b.data, copyHeader...)
	}
	b.rows = append(b.rows, rowMark{line, len(b.data)})

	b.data = binary.BigEndian.AppendUint16(b.data, 7) // fields in the row
	b.data = appendField(b.data, r.id)
	b.data = appendInt64(b.data, r.txid)
	b.data = appendInt64(b.data, postgresMicros(r.changed))
	b.data = appendInt64(b.data, postgresMicros(r.created))
	b.data = appendField(b.data, r.resourceType)
	b.data = appendField(b.data, "created")
	b.data = binary.BigEndian.AppendUint32(b.data, uint32(len(r.resource)+1))
	b.data = append(b.data, jsonbVersion)
	b.data = append(b.data, r.resource...)
}

// copyData returns the whole batch in COPY's format.
func (b *batch) copyData() []byte {
	return append(b.data, copyTrailer...)
}

// rowAt returns the n-th row, counted from 1 as in COPY.
func (b *batch) rowAt(n int) (r rowMark, ok bool) {
	if n < 1 || n > len(b.rows) {
		return r, false
	}
	return b.rows[n-1], true
}

// findRow returns the row of the resource with this id.
func (b *batch) findRow(id string) (r rowMark, ok bool) {
	for _, r := range b.rows {
		if string(b.id(r)) == id {
			return r, true
		}
	}
	return r, false
}

// id returns the first field of a row.
func (b *batch) id(r rowMark) []byte {
	const fieldCount = 2
	field := b.data[r.offset+fieldCount:]
	return field[4 : 4+binary.BigEndian.Uint32(field)]
}

// reset empties the batch for reuse.
func (b *batch) reset() {
	b.data, b.rows = b.data[:0], b.rows[:0]
}

func appendField[T string | []byte](dst []byte, value T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(value))), value...)
}

func appendInt64(dst []byte, value int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 8)
	return binary.BigEndian.AppendUint64(dst, uint64(value))
}

// postgresMicros returns the microseconds since PostgreSQL's epoch, 2000-01-01 UTC.
func postgresMicros(t time.Time) int64 {
	const epoch = 946_684_800 * 1_000_000
	return t.UnixMicro() - epoch
}
