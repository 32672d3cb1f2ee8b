package table

import (
	"reflect"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-90096f4d/sluice/view"
)

// The digits of DECIMAL that the integer types hold.
const (
	maxInt32Precision = 9
	maxInt64Precision = 18
)

// fixedBytes is the size of a DECIMAL that 64 bits do not hold.
const fixedBytes = 16

// newSchema returns the schema of a file: one optional field for each column, in order.
// Lists have three levels, with the names list and element.
func newSchema(columns []column) *parquet.Schema {
	fields := make([]parquet.Field, len(columns))
	for i := range columns {
		c := &columns[i]
		node := parquet.Encoded(leaf(c.SQL), &parquet.Plain)
		if len(columns) <= maxDictionaries && repeats(c) {
			node = parquet.Encoded(leaf(c.SQL), &parquet.RLEDictionary)
		}
		node = parquet.Compressed(parquet.Optional(node), pages)
		if c.Collection {
			node = parquet.Optional(parquet.List(node))
		}
		fields[i] = field{node, c.Name}
	}
	return parquet.NewSchema("rows", root{parquet.Group{}, fields})
}

// root is a group whose fields keep their order; a parquet.Group sorts its fields.
type root struct {
	parquet.Group
	fields []parquet.Field
}

func (r root) Fields() []parquet.Field { return r.fields }

// field is a field of root.
type field struct {
	parquet.Node
	name string
}

func (f field) Name() string { return f.name }

func (f field) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(f.name))
}

// leaf returns the type of a cell.
func leaf(sql view.SQLType) parquet.Node {
	switch sql.Kind {
	case view.Boolean:
		return parquet.Leaf(parquet.BooleanType)
	case view.SmallInt, view.Integer:
		return parquet.Int(32)
	case view.BigInt:
		return parquet.Int(64)
	case view.Decimal:
		return parquet.Decimal(sql.Scale, sql.Precision, decimalType(sql.Precision))
	case view.Real:
		return parquet.Leaf(parquet.FloatType)
	case view.DoublePrecision:
		return parquet.Leaf(parquet.DoubleType)
	case view.BinaryVarying:
		return parquet.Leaf(parquet.ByteArrayType)
	case view.Date:
		return parquet.Date()
	case view.Time:
		return parquet.TimeAdjusted(parquet.Microsecond, false)
	case view.Timestamp:
		return parquet.TimestampAdjusted(parquet.Microsecond, false)
	case view.TimestampWithZone:
		return parquet.Timestamp(parquet.Microsecond)
	}
	return parquet.String()
}

func decimalType(precision int) parquet.Type {
	switch {
	case precision <= maxInt32Precision:
		return parquet.Int32Type
	case precision <= maxInt64Precision:
		return parquet.Int64Type
	}
	return parquet.FixedLenByteArrayType(fixedBytes)
}

// repeats reports whether the text of a column has few different values, so that a
// dictionary makes the file smaller and faster to read. A dictionary that grows too large
// costs memory for nothing.
func repeats(c *column) bool {
	switch c.Type {
	case "code", "uri", "url", "canonical", "oid":
		return c.SQL.Kind == view.CharacterVarying
	}
	return false
}

// bounded reports whether the values of a column are short, so that the footer has their
// minimum and maximum. They would be in it completely. DECIMAL of 16 bytes has no bounds
// because parquet-go v0.32.0 computes wrong ones for negative values.
func bounded(c *column) bool {
	switch c.SQL.Kind {
	case view.CharacterVarying, view.BinaryVarying, view.Complex:
		return false
	case view.Decimal:
		return c.SQL.Precision <= maxInt64Precision
	}
	return true
}

// path returns the path of the leaf of a column.
func path(c *column) []string {
	if c.Collection {
		return []string{c.Name, "list", "element"}
	}
	return []string{c.Name}
}
