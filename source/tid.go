package source

import (
	"encoding/binary"
	"strconv"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

// TID says where a row lies in its relation: the block, and the place in it
// (PostgreSQL's ctid). It holds for as long as a snapshot that shows the row is
// held and keeps the table as it is.
type TID struct {
	Page   uint32
	Offset uint16
}

// decodeAddress reads the binary form of a tid.
func decodeAddress(value []byte) (a TID, ok bool) {
	if len(value) != 6 {
		return a, false
	}
	return TID{binary.BigEndian.Uint32(value), binary.BigEndian.Uint16(value[4:])}, true
}

// appendText appends the address as PostgreSQL reads one in an array.
func (a TID) appendText(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `"(`...), uint64(a.Page), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(a.Offset), 10)
	return append(dst, `)"`...)
}

// relationScan returns the scan of a whole relation.
func relationScan(r catalog.Relation) Scan {
	table := catalog.Table{Type: r.Type, Schema: r.Schema, Name: r.Name, HasCreated: r.HasCreated, Casts: r.Casts}
	return Scan{Table: table, Pages: catalog.PageRange{Schema: r.Schema, Name: r.Name}}
}
