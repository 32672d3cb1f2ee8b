package source

import (
	"encoding/binary"
	"strconv"
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

// Relation is one of those that hold the rows of a table.
type Relation struct {
	// Type is the resource type of its rows.
	Type string

	// Schema and Name are what the catalog calls it, unquoted.
	Schema, Name string

	// HasCreated is Table.HasCreated, and Casts Table.Casts.
	HasCreated bool
	Casts      bool `json:",omitempty"`
}

// scan is the scan of the whole relation.
func (r Relation) scan() Scan {
	table := Table{Type: r.Type, Schema: r.Schema, Name: r.Name, HasCreated: r.HasCreated, Casts: r.Casts}
	return Scan{Table: table, Pages: PageRange{Schema: r.Schema, Name: r.Name}}
}

// Relations lists those that hold the rows of a table that is not narrowed.
// ErrNoAddresses if one of them has rows without addresses.
func (t Table) Relations() ([]Relation, error) {
	relations := make([]Relation, len(t.Members))
	for i, m := range t.Members {
		if m.Whole {
			return nil, &TableError{Type: t.Type, Err: ErrNoAddresses}
		}
		relations[i] = Relation{Type: t.Type, Schema: m.Schema, Name: m.Name, HasCreated: t.HasCreated, Casts: t.Casts}
	}
	return relations, nil
}
