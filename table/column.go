package table

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/view"
)

// column checks and converts the cells of a column.
type column struct {
	view.Column

	// accepts has the kinds of cells, or of items of lists, that the column accepts,
	// as bits 1<<kind.
	accepts uint

	// numeric reports whether cells are numbers, whatever the kind of the cell.
	numeric bool
}

// value is a cell converted to the type of its column.
type value struct {
	// text is the text of the cell as the line formats print it: the text of the cell,
	// but digits only for integers. Binary data is still base64.
	text []byte

	// integer is the value of BOOLEAN (0 or 1) and the integer types, of DATE in days
	// and of TIME and TIMESTAMP in microseconds since 1970 or midnight.
	integer int64

	// decimal is the value of DECIMAL, times 10^scale.
	decimal decimal

	float float64
}

// maxPrecision is the number of decimal digits that 16 bytes hold.
const maxPrecision = 38

// newColumn returns the column. The error names a type that no file can have.
func newColumn(c view.Column) (column, error) {
	if sql := c.SQL; sql.Kind == view.Decimal &&
		(sql.Precision < 1 || sql.Precision > maxPrecision || sql.Scale < 0 || sql.Scale > sql.Precision) {
		return column{}, fmt.Errorf("column %s: precision must be between 1 and %d and scale between 0 and the precision, got DECIMAL(%d,%d)",
			c.Name, maxPrecision, sql.Precision, sql.Scale)
	}
	return column{Column: c, accepts: acceptedKinds(c), numeric: isNumeric(c.SQL.Kind)}, nil
}

func isNumeric(k view.SQLKind) bool {
	switch k {
	case view.SmallInt, view.Integer, view.BigInt, view.Decimal, view.Real, view.DoublePrecision:
		return true
	}
	return false
}

// acceptedKinds returns the kinds of cells that are correct for the type of a column.
func acceptedKinds(c view.Column) uint {
	const (
		boolean = 1 << view.BooleanCell
		number  = 1 << view.NumberCell
		text    = 1 << view.StringCell
		object  = 1 << view.JSONCell
	)
	switch {
	case c.SQL.Kind == view.Boolean:
		return boolean
	case c.SQL.Kind == view.Complex:
		return object
	case c.Type == "integer64" && (isNumeric(c.SQL.Kind) || c.SQL.Kind == view.CharacterVarying):
		return number | text // FHIR JSON has it as a string
	case isNumeric(c.SQL.Kind):
		return number
	case c.SQL.Kind != view.CharacterVarying:
		return text
	case c.Untyped:
		return boolean | number | text | object
	}
	switch c.Type {
	case "boolean":
		return boolean
	case "integer", "positiveInt", "unsignedInt", "decimal":
		return number
	}
	return text
}

// list returns the items of a cell of a collection. ok is false for null.
func (c *column) list(cell *view.Cell) (items []view.Cell, ok bool, err error) {
	switch cell.Kind {
	case view.Null:
		return nil, false, nil
	case view.ListCell:
		return cell.Items, true, nil
	}
	return nil, false, c.error("got a single value, expected a list")
}

// convert converts a cell that is neither null nor a list.
func (c *column) convert(cell *view.Cell) (value, error) {
	if c.accepts&(1<<cell.Kind) == 0 {
		return value{}, c.error("got " + kindNames[cell.Kind] + ", expected " + c.expected())
	}
	v := value{text: cell.Text}
	var problem string
	switch c.SQL.Kind {
	case view.Boolean:
		if len(cell.Text) == len("true") {
			v.integer = 1
		}
	case view.SmallInt:
		problem = v.setInteger(16)
	case view.Integer:
		problem = v.setInteger(32)
	case view.BigInt:
		problem = v.setInteger(64)
	case view.Decimal:
		v.decimal, problem = parseDecimal(cell.Text, c.SQL.Precision, c.SQL.Scale)
	case view.Real:
		problem = v.setFloat(32)
	case view.DoublePrecision:
		problem = v.setFloat(64)
	case view.BinaryVarying:
		problem = checkBase64(cell.Text)
	case view.Date:
		v.integer, problem = parseDate(cell.Text)
	case view.Time:
		v.integer, problem = parseTime(cell.Text)
	case view.Timestamp:
		v.integer, problem = parseTimestamp(cell.Text, false)
	case view.TimestampWithZone:
		v.integer, problem = parseTimestamp(cell.Text, true)
	default:
		problem = checkText(cell.Text, c.SQL.Length)
	}
	if problem == "" && c.numeric && cell.Kind == view.StringCell && c.SQL.Kind != view.BigInt {
		problem = v.setInteger(64) // not every string that is a number is JSON
	}
	if problem != "" {
		return value{}, c.error(problem + " does not fit " + c.SQL.String())
	}
	return v, nil
}

// setInteger sets the integer and its text.
func (v *value) setInteger(bits int) string {
	plain := false
	if v.integer, plain = plainInteger(v.text); !plain {
		d, problem := parseDecimal(v.text, 19, 0)
		if problem != "" {
			return problem
		}
		var ok bool
		if v.integer, ok = d.int64(); !ok {
			return "an integer beyond 64 bits"
		}
		v.text = strconv.AppendInt(nil, v.integer, 10)
	}
	if v.integer>>(bits-1) != v.integer>>63 {
		return "an integer beyond " + strconv.Itoa(bits) + " bits"
	}
	return ""
}

// setFloat sets the floating-point number.
func (v *value) setFloat(bits int) string {
	var err error
	if v.float, err = strconv.ParseFloat(string(v.text), bits); err != nil {
		return "a number beyond the range of " + strconv.Itoa(bits) + "-bit floating point"
	}
	return ""
}

// checkText checks text of at most so many characters; 0 = unlimited.
func checkText(text []byte, length int) string {
	if !utf8.Valid(text) {
		return "text that is not UTF-8"
	}
	if length > 0 && len(text) > length && utf8.RuneCount(text) > length {
		return "text longer than " + strconv.Itoa(length) + " characters"
	}
	return ""
}

// error returns the error of a cell. The reason must not have its value.
func (c *column) error(reason string) error {
	return &view.DataError{Column: c.Name, Reason: reason}
}

var kindNames = [...]string{
	view.Null:        "null",
	view.BooleanCell: "a boolean",
	view.NumberCell:  "a number",
	view.StringCell:  "a string",
	view.JSONCell:    "an object",
	view.ListCell:    "a list",
}

// expected returns the kinds of cells that the column accepts, in words.
func (c *column) expected() string {
	names := ""
	for kind, name := range kindNames {
		if c.accepts&(1<<kind) == 0 {
			continue
		}
		if names != "" {
			names += " or "
		}
		names += name
	}
	return names
}
