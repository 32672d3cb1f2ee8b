package view

import "fmt"

// kindNames are the names of the kinds.
var kindNames = [...]string{
	CharacterVarying:  "CHARACTER VARYING",
	Boolean:           "BOOLEAN",
	SmallInt:          "SMALLINT",
	Integer:           "INTEGER",
	BigInt:            "BIGINT",
	Decimal:           "DECIMAL",
	Real:              "REAL",
	DoublePrecision:   "DOUBLE PRECISION",
	BinaryVarying:     "BINARY VARYING",
	Date:              "DATE",
	Time:              "TIME",
	Timestamp:         "TIMESTAMP",
	TimestampWithZone: "TIMESTAMP WITH TIME ZONE",
	Complex:           "JSON",
}

// String returns the type as in ISO SQL: DECIMAL(18,6). That of Complex is JSON.
func (t SQLType) String() string {
	name := kindNames[t.Kind]
	switch {
	case t.Kind == Decimal:
		return fmt.Sprintf("%s(%d,%d)", name, t.Precision, t.Scale)
	case t.Kind == CharacterVarying && t.Length > 0:
		return fmt.Sprintf("%s(%d)", name, t.Length)
	}
	return name
}
