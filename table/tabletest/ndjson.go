package tabletest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/view"
)

// ReadNDJSON returns what a Parquet file must contain that has the same rows as a file of
// ndjson.
func ReadNDJSON(t testing.TB, columns []view.Column, file []byte) (table Table) {
	t.Helper()
	for _, c := range columns {
		table.Columns = append(table.Columns, c.Name)
	}
	for line := range bytes.Lines(file) {
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(line, &object))
		require.Len(t, object, len(columns), "every row has every key")
		row := make([]any, len(columns))
		for i, c := range columns {
			row[i] = expected(t, c, object[c.Name])
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// expected returns a cell of Parquet for one of ndjson.
func expected(t testing.TB, c view.Column, written json.RawMessage) any {
	t.Helper()
	if string(written) == "null" {
		return nil
	}
	if c.Collection {
		c.Collection = false
		var items []json.RawMessage
		require.NoError(t, json.Unmarshal(written, &items))
		list := []any{}
		for _, item := range items {
			list = append(list, expected(t, c, item))
		}
		return list
	}
	value := string(written)
	if written[0] == '"' {
		require.NoError(t, json.Unmarshal(written, &value))
	}
	return converted(t, c.SQL, value)
}

func converted(t testing.TB, sql view.SQLType, value string) any {
	t.Helper()
	const micros = "2006-01-02T15:04:05.000000"
	parse := func(layout string) time.Time {
		parsed, err := time.Parse(layout, value)
		require.NoError(t, err)
		return parsed.UTC()
	}
	switch sql.Kind {
	case view.Decimal:
		exact, ok := new(big.Rat).SetString(value)
		require.True(t, ok, value)
		return exact.FloatString(sql.Scale)
	case view.Real:
		f, err := strconv.ParseFloat(value, 32)
		require.NoError(t, err)
		return float64(float32(f))
	case view.DoublePrecision:
		f, err := strconv.ParseFloat(value, 64)
		require.NoError(t, err)
		return f
	case view.BinaryVarying:
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(decoded)
	case view.Time:
		return parse(time.TimeOnly).Format("15:04:05.000000")
	case view.Timestamp:
		return parse("2006-01-02T15:04:05").Format(micros)
	case view.TimestampWithZone:
		return parse(time.RFC3339).Format(micros) + "Z"
	}
	return value
}
