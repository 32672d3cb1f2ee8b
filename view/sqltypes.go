package view

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxPrecision is the maximum precision of DECIMAL.
const maxPrecision = 38

// defaultSQLType returns the SQL type of a FHIR type (viewdef-6).
func defaultSQLType(typ string) SQLType {
	switch families[typ] {
	case booleanFamily:
		return SQLType{Kind: Boolean}
	case numberFamily:
		switch typ {
		case "decimal":
			return SQLType{Kind: CharacterVarying}
		case "integer64":
			return SQLType{Kind: BigInt}
		}
		return SQLType{Kind: Integer}
	case binaryFamily:
		return SQLType{Kind: BinaryVarying}
	case complexFamily:
		return SQLType{Kind: Complex}
	}
	if typ == "instant" {
		return SQLType{Kind: TimestampWithZone}
	}
	return SQLType{Kind: CharacterVarying}
}

// sqlNames are the kinds by the names of ISO SQL, without parameters.
var sqlNames = map[string]SQLKind{
	"BOOLEAN":  Boolean,
	"SMALLINT": SmallInt, "INT": Integer, "INTEGER": Integer, "BIGINT": BigInt,
	"DECIMAL": Decimal, "DEC": Decimal, "NUMERIC": Decimal,
	"REAL": Real, "FLOAT": DoublePrecision, "DOUBLE PRECISION": DoublePrecision,
	"CHARACTER VARYING": CharacterVarying, "CHAR VARYING": CharacterVarying, "VARCHAR": CharacterVarying,
	"CHARACTER": CharacterVarying, "CHAR": CharacterVarying,
	"CHARACTER LARGE OBJECT": CharacterVarying, "CHAR LARGE OBJECT": CharacterVarying, "CLOB": CharacterVarying,
	"BINARY VARYING": BinaryVarying, "VARBINARY": BinaryVarying, "BINARY": BinaryVarying,
	"BINARY LARGE OBJECT": BinaryVarying, "BLOB": BinaryVarying,
	"DATE": Date,
	"TIME": Time, "TIME WITHOUT TIME ZONE": Time,
	"TIMESTAMP": Timestamp, "TIMESTAMP WITHOUT TIME ZONE": Timestamp, "TIMESTAMP WITH TIME ZONE": TimestampWithZone,
}

// sqlSyntax separates the name of a type from its parameters, which may be inside of the
// name: TIMESTAMP (3) WITH TIME ZONE.
var sqlSyntax = regexp.MustCompile(`^([A-Z ]*[A-Z])\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?([A-Z ]*)$`)

// parseSQLType parses the value of the tag ansi/type.
func parseSQLType(text string) (SQLType, error) {
	parts := sqlSyntax.FindStringSubmatch(strings.ToUpper(strings.Join(strings.Fields(text), " ")))
	if parts == nil {
		return SQLType{}, fmt.Errorf("unknown SQL type %s", quote(text))
	}
	kind, ok := sqlNames[strings.Join(strings.Fields(parts[1]+" "+parts[4]), " ")]
	if !ok {
		return SQLType{}, fmt.Errorf("unknown SQL type %s", quote(text))
	}
	var parameters []int
	for _, digits := range slices.DeleteFunc(parts[2:4], func(s string) bool { return s == "" }) {
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return SQLType{}, fmt.Errorf("%s is out of range", shorten(digits))
		}
		parameters = append(parameters, int(n))
	}
	return parameterizedSQLType(kind, parts[1], parameters)
}

// parameterizedSQLType returns the SQL type of a kind with the parameters in brackets.
func parameterizedSQLType(kind SQLKind, name string, parameters []int) (SQLType, error) {
	t := SQLType{Kind: kind}
	switch {
	case kind == Decimal:
		return decimalType(name, parameters)
	case len(parameters) == 0:
		return t, nil
	case len(parameters) > 1:
		return t, fmt.Errorf("%s has at most one parameter", name)
	}
	n := parameters[0]
	switch {
	case kind == CharacterVarying && n == 0:
		return t, fmt.Errorf("the length of %s must be at least 1", name)
	case kind == CharacterVarying:
		t.Length = n
	case name == "FLOAT" && n >= 1 && n <= 53: // binary digits
		if n <= 24 {
			t.Kind = Real
		}
	case kind == Time || kind == Timestamp || kind == TimestampWithZone:
		if n > 6 {
			return t, fmt.Errorf("the precision of %s must be between 0 and 6, got %d", name, n)
		}
	default:
		return t, fmt.Errorf("%s(%d) is not supported", name, n)
	}
	return t, nil
}

// decimalType returns DECIMAL(p,s). The defaults of p and s differ between databases, so
// p is required.
func decimalType(name string, parameters []int) (SQLType, error) {
	t := SQLType{Kind: Decimal}
	if len(parameters) == 0 {
		return t, fmt.Errorf("%s requires a precision and a scale, for example %s(18,6)", name, name)
	}
	t.Precision = parameters[0]
	if len(parameters) == 2 {
		t.Scale = parameters[1]
	}
	switch {
	case t.Precision < 1 || t.Precision > maxPrecision:
		return t, fmt.Errorf("the precision of %s must be between 1 and %d, got %d", name, maxPrecision, t.Precision)
	case t.Scale > t.Precision:
		return t, fmt.Errorf("the scale of %s must be between 0 and its precision %d, got %d", name, t.Precision, t.Scale)
	}
	return t, nil
}

// kindsByFamily are the kinds that the values of a FHIR type may be stored in, in addition
// to CHARACTER VARYING.
var kindsByFamily = map[family][]SQLKind{
	booleanFamily: {Boolean},
	numberFamily:  {SmallInt, Integer, BigInt, Decimal, Real, DoublePrecision},
	binaryFamily:  {BinaryVarying},
	timeFamily:    {Time},
}

// storable reports whether values of a FHIR type can be stored in a SQL type.
func storable(typ string, kind SQLKind) bool {
	f := families[typ]
	switch {
	case f == complexFamily:
		return false
	case kind == CharacterVarying:
		return true
	case typ == "date":
		return kind == Date
	case typ == "dateTime":
		return kind == Date || kind == Timestamp || kind == TimestampWithZone
	case typ == "instant":
		return kind == TimestampWithZone
	}
	return slices.Contains(kindsByFamily[f], kind)
}
