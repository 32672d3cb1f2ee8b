package source

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// Row is a resource as it is stored. Its bytes are valid until the next row is read.
type Row struct {
	// ID is the resource's id.
	ID []byte

	// TxID is the version: a number from a sequence common to all tables.
	TxID int64

	// Changed is the start of the transaction that wrote this version (ts).
	Changed Time

	// Created is the same for the first version (cts). It is not valid if the table
	// does not have that column.
	Created Time

	// Resource is the resource as it was received: the jsonb in its stored form (package
	// jsonb) if Stored is set, else its text as PostgreSQL prints it, on one line.
	Resource []byte

	// Stored is the same for all rows of a page range. Another range of a ParallelScan can
	// differ, if the cast was created meanwhile.
	Stored bool

	table *catalog.Table // for Malformed; nil if the row was not read from one
}

// AppendText appends the text of the resource. The error is a *MalformedError.
func (r *Row) AppendText(dst []byte) ([]byte, error) {
	if !r.Stored {
		return append(dst, r.Resource...), nil
	}
	dst, err := jsonb.AppendText(dst, r.Resource)
	if err != nil {
		return dst, r.Malformed(err)
	}
	return dst, nil
}

// Malformed returns the error of a row whose stored form cannot be read, or is too long as
// text.
func (r *Row) Malformed(err error) error {
	malformed := &MalformedError{ID: string(r.ID), Err: err}
	if r.table != nil {
		malformed.Table = catalog.Quote(r.table.Schema, r.table.Name)
	}
	return malformed
}

// Time is a timestamp of the database. It is not valid if it is null or infinite.
type Time struct {
	Micros int64 // since 1970-01-01 UTC
	Valid  bool
}

// postgresEpoch is 2000-01-01 UTC in microseconds since 1970.
const postgresEpoch = 946_684_800_000_000

// The columns of a scan, in this order.
const (
	columnID = iota
	columnTxID
	columnTS
	columnCTS
	columnResource
	columnCount
)

// textTypes are the types of a text column.
var textTypes = []uint32{pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID}

// checkColumns returns an error if the columns of a result are not of the types that
// decode reads, with the resource in its stored form or as text.
func checkColumns(table catalog.Table, fields []pgconn.FieldDescription, stored bool) error {
	types := [columnCount][]uint32{
		columnID:       textTypes,
		columnTxID:     {pgtype.Int8OID, pgtype.Int4OID},
		columnTS:       {pgtype.TimestamptzOID},
		columnCTS:      {pgtype.TimestamptzOID},
		columnResource: {pgtype.JSONBOID},
	}
	names := [columnCount]string{"text", "bigint", "timestamptz", "timestamptz", "jsonb"}
	if stored {
		types[columnResource], names[columnResource] = []uint32{pgtype.ByteaOID}, "bytea"
	}

	if len(fields) != columnCount {
		return fmt.Errorf("table %s: %d columns instead of %d", catalog.Quote(table.Schema, table.Name), len(fields), columnCount)
	}
	for i, field := range fields {
		fits := false
		for _, oid := range types[i] {
			fits = fits || oid == field.DataTypeOID
		}
		if !fits {
			return columnError(&table, i, "is not of type "+names[i])
		}
	}
	return nil
}

// decode decodes the binary form of a row without copying bytes. Stored must be set.
func (r *Row) decode(table *catalog.Table, values [][]byte) error {
	r.table = table
	if values[columnID] == nil {
		return columnError(table, columnID, "is null in a row")
	}
	r.ID = values[columnID]

	switch txid := values[columnTxID]; len(txid) {
	case 8:
		r.TxID = int64(binary.BigEndian.Uint64(txid))
	case 4:
		r.TxID = int64(int32(binary.BigEndian.Uint32(txid)))
	default:
		return columnError(table, columnTxID, "is null in a row")
	}

	r.Changed = decodeTime(values[columnTS])
	r.Created = decodeTime(values[columnCTS])

	resource := values[columnResource]
	if r.Stored && len(resource) > 0 {
		r.Resource = resource
		return nil
	}
	// The binary form of a jsonb is its text after a version number.
	if r.Stored || len(resource) < 2 || resource[0] != 1 {
		return columnError(table, columnResource, "is null in a row, or has an unknown binary form")
	}
	r.Resource = resource[1:]
	return nil
}

// decodeTime decodes a timestamptz: microseconds since 2000. The minimum and maximum
// are the infinities.
func decodeTime(value []byte) Time {
	if len(value) != 8 {
		return Time{}
	}
	micros := int64(binary.BigEndian.Uint64(value))
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		return Time{}
	}
	return Time{Micros: micros + postgresEpoch, Valid: true}
}

func columnError(table *catalog.Table, column int, reason string) error {
	names := [columnCount]string{"id", "txid", "ts", "cts", "resource"}
	return &catalog.ColumnError{Table: catalog.Quote(table.Schema, table.Name), Column: names[column], Reason: reason}
}
