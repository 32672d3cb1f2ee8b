package tabletest

import (
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

func readParquetGo(t testing.TB, name string) (table Table) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	require.NoError(t, err)
	file, err := parquet.OpenFile(f, info.Size())
	require.NoError(t, err)

	leaves := []*parquet.Column{}
	for _, c := range file.Root().Columns() {
		table.Columns = append(table.Columns, c.Name())
		for !c.Leaf() {
			c = c.Columns()[0]
		}
		leaves = append(leaves, c)
	}
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		batch := make([]parquet.Row, 100)
		for {
			n, err := rows.ReadRows(batch)
			for _, row := range batch[:n] {
				table.Rows = append(table.Rows, cells(row, leaves))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, rows.Close())
	}
	return table
}

// cells returns the cells of a row.
func cells(row parquet.Row, leaves []*parquet.Column) []any {
	cells := make([]any, len(leaves))
	for i, values := range row.Range {
		cells[i] = cell(values, leaves[i])
	}
	return cells
}

func cell(values []parquet.Value, leaf *parquet.Column) any {
	const emptyList = 1
	switch {
	case values[0].DefinitionLevel() == 0:
		return nil
	case leaf.Name() != "element":
		return text(values[0], leaf)
	case values[0].DefinitionLevel() == emptyList:
		return []any{}
	}
	list := []any{}
	for _, v := range values {
		if v.IsNull() {
			list = append(list, nil)
		} else {
			list = append(list, text(v, leaf))
		}
	}
	return list
}

// text returns the exact text of a value, or a floating-point number.
func text(v parquet.Value, leaf *parquet.Column) any {
	const local, day = "2006-01-02T15:04:05.000000", 24 * 60 * 60
	logical := leaf.Type().LogicalType()
	if logical != nil {
		switch l := logical.Value.(type) {
		case *format.DecimalType:
			return decimalText(v, int(l.Scale))
		case *format.DateType:
			return time.Unix(int64(v.Int32())*day, 0).UTC().Format(time.DateOnly)
		case *format.TimeType:
			return time.UnixMicro(v.Int64()).UTC().Format("15:04:05.000000")
		case *format.TimestampType:
			text := time.UnixMicro(v.Int64()).UTC().Format(local)
			if l.IsAdjustedToUTC {
				text += "Z"
			}
			return text
		case *format.StringType:
			return string(v.ByteArray())
		}
	}
	switch v.Kind() {
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	case parquet.ByteArray:
		return base64.StdEncoding.EncodeToString(v.ByteArray())
	}
	return v.String()
}

func decimalText(v parquet.Value, scale int) string {
	unscaled := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		unscaled.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		unscaled.SetInt64(v.Int64())
	default:
		unscaled.SetBytes(v.ByteArray())
		if v.ByteArray()[0] >= 0x80 {
			unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v.ByteArray()))))
		}
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(unscaled, power).FloatString(scale)
}
