package table_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/view"
)

func sqlColumn(name, fhirType string, sql view.SQLType) view.Column {
	return view.Column{Name: name, Type: fhirType, SQL: sql}
}

func decimal(name string, precision, scale int) view.Column {
	return sqlColumn(name, "decimal", view.SQLType{Kind: view.Decimal, Precision: precision, Scale: scale})
}

// everyType has a column of every SQL type, and everyTypeRow a row of it.
var everyType = []view.Column{
	column("boolean", "boolean", view.Boolean),
	column("smallint", "integer", view.SmallInt),
	column("integer", "integer", view.Integer),
	column("bigint", "integer64", view.BigInt),
	decimal("decimal9", 9, 2),
	decimal("decimal18", 18, 6),
	decimal("decimal38", 38, 10),
	column("real", "decimal", view.Real),
	column("double", "decimal", view.DoublePrecision),
	column("decimal", "decimal", view.CharacterVarying),
	column("text", "string", view.CharacterVarying),
	sqlColumn("text5", "string", view.SQLType{Length: 5}),
	column("blob", "base64Binary", view.BinaryVarying),
	column("date", "date", view.Date),
	column("time", "time", view.Time),
	column("timestamp", "dateTime", view.Timestamp),
	column("instant", "instant", view.TimestampWithZone),
	column("complex", "Quantity", view.Complex),
	{Name: "_untyped", Type: "string", Untyped: true},
}

var everyTypeRow = []view.Cell{
	boolean("true"), number("-32768"), number("2147483647"), text("9223372036854775807"),
	number("-1234567.89"), number("123456789012.123456"), number("-1234567890123456789012345678.0123456789"),
	number("0.1"), number("-1.5e300"), number("1.00"),
	text("a, \"b\"\n"), text("äöü€x"), text("AAEC/w=="),
	text("1969-12-31"), text("23:59:59.999999"), text("1969-12-31T23:59:59.5"), text("2020-02-29T12:00:00.123456+02:00"),
	object(`{"value":1.0}`), number("7"),
}

// TestFit has cells at the limits of every type. All formats agree on them, so that they
// never differ in their rows.
func TestFit(t *testing.T) {
	varchar5 := view.SQLType{Length: 5}
	for _, test := range []struct {
		column view.Column
		cell   view.Cell
		csv    string // "" = does not fit
		err    string
	}{
		{column("c", "boolean", view.Boolean), boolean("true"), "true", ""},
		{column("c", "boolean", view.Boolean), text("true"), "", "got a string, expected a boolean"},
		{column("c", "string", view.CharacterVarying), boolean("true"), "", "got a boolean, expected a string"},
		{column("c", "string", view.CharacterVarying), object("{}"), "", "got an object, expected a string"},
		{column("c", "string", view.CharacterVarying), list(), "", "got a list, expected a string"},
		{column("c", "decimal", view.CharacterVarying), text("1"), "", "got a string, expected a number"},
		{column("c", "Period", view.Complex), text("1"), "", "got a string, expected an object"},
		{collection(varchar("c")), text("1"), "", "got a single value, expected a list"},
		{collection(varchar("c")), list(text("a"), list()), "", "got a list, expected a string"},
		{collection(column("c", "integer", view.Integer)), list(number("1"), number("1.5")), "", "a number with decimal places does not fit INTEGER"},

		{column("c", "integer", view.SmallInt), number("32767"), "32767", ""},
		{column("c", "integer", view.SmallInt), number("-32768"), "-32768", ""},
		{column("c", "integer", view.SmallInt), number("32768"), "", "an integer beyond 16 bits does not fit SMALLINT"},
		{column("c", "integer", view.Integer), number("-2147483648"), "-2147483648", ""},
		{column("c", "integer", view.Integer), number("2147483648"), "", "an integer beyond 32 bits does not fit INTEGER"},
		{column("c", "integer", view.Integer), number("1.0"), "1", ""},
		{column("c", "integer", view.Integer), number("12e1"), "120", ""},
		{column("c", "integer", view.Integer), number("-0.0"), "0", ""},
		{column("c", "integer", view.Integer), number("0.5"), "", "a number with decimal places does not fit INTEGER"},
		{column("c", "integer", view.Integer), number("1e99999999999"), "", "a number with more than 19 digits before the point does not fit INTEGER"},
		{column("c", "integer64", view.BigInt), text("-9223372036854775808"), "-9223372036854775808", ""},
		{column("c", "integer64", view.BigInt), number("9223372036854775807"), "9223372036854775807", ""},
		{column("c", "integer64", view.BigInt), text("+5"), "5", ""},
		{column("c", "integer64", view.BigInt), text("9223372036854775808"), "", "an integer beyond 64 bits does not fit BIGINT"},
		{column("c", "integer64", view.BigInt), text("1e19"), "", "a number with more than 19 digits before the point does not fit BIGINT"},
		{column("c", "integer64", view.BigInt), text("five"), "", "text that is not a number does not fit BIGINT"},
		{column("c", "integer64", view.DoublePrecision), text("+5"), "5", ""},
		{column("c", "integer64", view.CharacterVarying), text("5"), "5", ""},
		{column("c", "string", view.BigInt), text("5"), "", "got a string, expected a number"},

		{decimal("c", 5, 2), number("999.99"), "999.99", ""},
		{decimal("c", 5, 2), number("-0.010"), "-0.010", ""},
		{decimal("c", 5, 2), number("1.005"), "", "a number with more than 2 decimal places does not fit DECIMAL(5,2)"},
		{decimal("c", 5, 2), number("1000"), "", "a number with more than 3 digits before the point does not fit DECIMAL(5,2)"},
		{decimal("c", 5, 2), number("1e2"), "1e2", ""},
		{decimal("c", 5, 2), number("1e3"), "", "a number with more than 3 digits before the point does not fit DECIMAL(5,2)"},
		{decimal("c", 5, 2), number("125E-2"), "125E-2", ""},
		{decimal("c", 2, 2), number("0.12"), "0.12", ""},
		{decimal("c", 2, 2), number("1.12"), "", "a number with more than 0 digits before the point does not fit DECIMAL(2,2)"},
		{decimal("c", 38, 0), number("99999999999999999999999999999999999999"), "99999999999999999999999999999999999999", ""},
		{decimal("c", 38, 0), number("100000000000000000000000000000000000000"), "", "a number with more than 38 digits before the point does not fit DECIMAL(38,0)"},

		{column("c", "decimal", view.Real), number("3.4e38"), "3.4e38", ""},
		{column("c", "decimal", view.Real), number("3.5e38"), "", "a number beyond the range of 32-bit floating point does not fit REAL"},
		{column("c", "decimal", view.DoublePrecision), number("1.7e308"), "1.7e308", ""},
		{column("c", "decimal", view.DoublePrecision), number("1e309"), "", "a number beyond the range of 64-bit floating point does not fit DOUBLE PRECISION"},

		{sqlColumn("c", "string", varchar5), text("äöü€x"), "äöü€x", ""},
		{sqlColumn("c", "string", varchar5), text("abcdef"), "", "text longer than 5 characters does not fit CHARACTER VARYING(5)"},
		{varchar("c"), text("\xff"), "", "text that is not UTF-8 does not fit CHARACTER VARYING"},

		{column("c", "base64Binary", view.BinaryVarying), text("AA=="), "AA==", ""},
		{column("c", "base64Binary", view.BinaryVarying), text("AAEC AAEC"), "AAEC AAEC", ""},
		{column("c", "base64Binary", view.BinaryVarying), text("AA"), "", "text that is not base64 does not fit BINARY VARYING"},
		{column("c", "base64Binary", view.BinaryVarying), text("AA=A"), "", "text that is not base64 does not fit BINARY VARYING"},
		{column("c", "base64Binary", view.BinaryVarying), text("AA-_"), "", "text that is not base64 does not fit BINARY VARYING"},

		{column("c", "date", view.Date), text("2000-02-29"), "2000-02-29", ""},
		{column("c", "date", view.Date), text("1900-02-29"), "", "a date that does not exist does not fit DATE"},
		{column("c", "date", view.Date), text("0000-01-01"), "", "a date that does not exist does not fit DATE"},
		{column("c", "date", view.Date), text("2000-02"), "", "a date without month or day does not fit DATE"},
		{column("c", "date", view.Date), text("2000"), "", "a date without month or day does not fit DATE"},
		{column("c", "dateTime", view.Date), text("2000-01-01T00:00:00Z"), "", "a date with a time does not fit DATE"},
		{column("c", "date", view.Date), text("01.02.2000"), "", "text that is not a date does not fit DATE"},

		{column("c", "time", view.Time), text("23:59:59.1234567"), "23:59:59.1234567", ""},
		{column("c", "time", view.Time), text("24:00:00"), "", "text that is not a time of day with seconds does not fit TIME"},
		{column("c", "time", view.Time), text("12:30"), "", "text that is not a time of day with seconds does not fit TIME"},
		{column("c", "time", view.Time), text("12:30:00Z"), "", "text that is not a time of day with seconds does not fit TIME"},
		{column("c", "time", view.Time), text("12:30:00."), "", "text that is not a time of day with seconds does not fit TIME"},

		{column("c", "dateTime", view.Timestamp), text("2020-01-01T12:30:00"), "2020-01-01T12:30:00", ""},
		{column("c", "dateTime", view.Timestamp), text("2020-01-01T12:30:00Z"), "", "a time with an offset does not fit TIMESTAMP"},
		{column("c", "dateTime", view.Timestamp), text("2020-01-01"), "", "a date without a time does not fit TIMESTAMP"},
		{column("c", "dateTime", view.TimestampWithZone), text("2020-01-01T12:30:00"), "", "a time without offset does not fit TIMESTAMP WITH TIME ZONE"},
		{column("c", "dateTime", view.TimestampWithZone), text("2020-01"), "", "a date without a time does not fit TIMESTAMP WITH TIME ZONE"},
		{column("c", "dateTime", view.TimestampWithZone), text("2020-01-01T12:30Z"), "", "a time without seconds or that does not exist does not fit TIMESTAMP WITH TIME ZONE"},
		{column("c", "dateTime", view.TimestampWithZone), text("2020-01-01T24:00:00Z"), "", "a time without seconds or that does not exist does not fit TIMESTAMP WITH TIME ZONE"},
		{column("c", "instant", view.TimestampWithZone), text("2016-12-31T23:59:60Z"), "2016-12-31T23:59:60Z", ""},
		{column("c", "instant", view.TimestampWithZone), text("2020-01-01T12:30:00.1234567-14:00"), "2020-01-01T12:30:00.1234567-14:00", ""},
		{column("c", "instant", view.TimestampWithZone), text("2020-01-01T12:30:00+15:00"), "", "a time with an invalid offset does not fit TIMESTAMP WITH TIME ZONE"},
		{column("c", "instant", view.TimestampWithZone), text("2020-13-01T12:30:00Z"), "", "a date that does not exist does not fit TIMESTAMP WITH TIME ZONE"},
	} {
		name := fmt.Sprintf("%s %d %.20s", test.column.Type, test.column.SQL.Kind, test.cell.Text)
		for _, format := range []table.Format{table.CSV, table.NDJSON, table.JSON, table.Parquet} {
			var out bytes.Buffer
			w, err := table.NewWriter(&out, []view.Column{test.column}, table.Options{Format: format, NoHeader: true})
			require.NoError(t, err)
			b := w.NewBatch()
			err = b.Append([]view.Cell{test.cell})
			if test.err != "" {
				var wrong *view.DataError
				require.ErrorAs(t, err, &wrong, name)
				assert.Equal(t, "column c: "+test.err, err.Error(), name)
				continue
			}
			require.NoError(t, err, name)
			require.NoError(t, w.Write(b))
			require.NoError(t, w.Close())
			if format == table.CSV {
				assert.Equal(t, test.csv+"\n", out.String(), name)
			}
		}
	}
}
