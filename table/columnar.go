package table

import (
	"encoding/binary"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-90096f4d/sluice/view"
)

// columnar has rows in the order of columns, as Parquet stores them.
type columnar struct {
	columns []column
	leaves  []leafValues

	// text has the bytes of the values.
	text []byte
	rows int
}

// leafValues are the values of a column. Values of several lists begin at repetition
// level 0.
type leafValues struct {
	values []parquet.Value
	row    int // where the row begins that is being appended
}

func newColumnar(columns []column) *columnar {
	return &columnar{columns: columns, leaves: make([]leafValues, len(columns))}
}

func (b *columnar) append(row []view.Cell) error {
	text := len(b.text)
	for i := range b.columns {
		leaf := &b.leaves[i]
		leaf.row = len(leaf.values)
		if err := b.appendCell(i, &row[i]); err != nil {
			for j := range i + 1 {
				b.leaves[j].values = b.leaves[j].values[:b.leaves[j].row]
			}
			b.text = b.text[:text]
			return err
		}
	}
	b.rows++
	return nil
}

// Definition levels of a column that is optional, and of one that is an optional list of
// optional items.
const (
	levelNull = 0
	levelCell = 1

	levelEmptyList = 1
	levelNullItem  = 2
	levelItem      = 3
)

func (b *columnar) appendCell(i int, cell *view.Cell) error {
	c := &b.columns[i]
	if !c.Collection {
		return b.appendValue(i, cell, 0, levelNull, levelCell)
	}
	items, ok, err := c.list(cell)
	switch {
	case err != nil:
		return err
	case !ok:
		b.appendLeaf(i, parquet.NullValue(), 0, levelNull)
	case len(items) == 0:
		b.appendLeaf(i, parquet.NullValue(), 0, levelEmptyList)
	}
	for j := range items {
		if err := b.appendValue(i, &items[j], min(j, 1), levelNullItem, levelItem); err != nil {
			return err
		}
	}
	return nil
}

// appendValue appends a cell that is not a list.
func (b *columnar) appendValue(i int, cell *view.Cell, repetition, null, present int) error {
	if cell.Kind == view.Null {
		b.appendLeaf(i, parquet.NullValue(), repetition, null)
		return nil
	}
	v, err := b.columns[i].convert(cell)
	if err != nil {
		return err
	}
	b.appendLeaf(i, b.parquetValue(b.columns[i].SQL, &v), repetition, present)
	return nil
}

func (b *columnar) appendLeaf(i int, v parquet.Value, repetition, definition int) {
	b.leaves[i].values = append(b.leaves[i].values, v.Level(repetition, definition, i))
}

// parquetValue returns a value in the type of the schema.
func (b *columnar) parquetValue(sql view.SQLType, v *value) parquet.Value {
	switch sql.Kind {
	case view.Boolean:
		return parquet.BooleanValue(v.integer != 0)
	case view.SmallInt, view.Integer, view.Date:
		return parquet.Int32Value(int32(v.integer))
	case view.BigInt, view.Time, view.Timestamp, view.TimestampWithZone:
		return parquet.Int64Value(v.integer)
	case view.Real:
		return parquet.FloatValue(float32(v.float))
	case view.DoublePrecision:
		return parquet.DoubleValue(v.float)
	case view.Decimal:
		return b.decimalValue(sql.Precision, v.decimal)
	}
	start := len(b.text)
	if sql.Kind == view.BinaryVarying {
		b.text = appendBinary(b.text, v.text)
	} else {
		b.text = append(b.text, v.text...)
	}
	return parquet.ByteArrayValue(b.text[start:])
}

func (b *columnar) decimalValue(precision int, d decimal) parquet.Value {
	switch {
	case precision <= maxInt32Precision:
		return parquet.Int32Value(int32(d.low))
	case precision <= maxInt64Precision:
		return parquet.Int64Value(int64(d.low))
	}
	start := len(b.text)
	b.text = binary.BigEndian.AppendUint64(b.text, uint64(d.high))
	b.text = binary.BigEndian.AppendUint64(b.text, d.low)
	return parquet.FixedLenByteArrayValue(b.text[start:])
}

// valueBytes is the size of a parquet.Value.
const valueBytes = 24

func (b *columnar) size() int {
	values := 0
	for i := range b.leaves {
		values += len(b.leaves[i].values)
	}
	return len(b.text) + values*valueBytes
}

// reset keeps the memory, unless it is much: values point to text, also to text that has
// been replaced as it grew.
func (b *columnar) reset() {
	drop := b.size() > maxRetained
	for i := range b.leaves {
		leaf := &b.leaves[i]
		if drop {
			leaf.values = nil
		}
		leaf.values = leaf.values[:0]
	}
	if drop {
		b.text = nil
	}
	b.text = b.text[:0]
	b.rows = 0
}
