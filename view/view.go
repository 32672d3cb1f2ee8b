// Package view parses, checks and evaluates ViewDefinitions (SQL on FHIR 3.0.0-ballot):
// it turns a FHIR resource into rows of a table.
//
// A view is checked completely before its first row. It is evaluated on the bytes of a
// resource in FHIR JSON; nothing is decoded into maps.
//
// The package must not know where resources come from or how rows are written.
package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// View is a checked ViewDefinition. It is immutable and safe for concurrent use.
type View struct {
	// ID, URL, Version, Name, Title and Description are those of the ViewDefinition;
	// each may be empty.
	ID, URL, Version, Name, Title, Description string

	// Resource is the type of the resources that the view reads.
	Resource string

	// Columns are the columns of every row, in order.
	Columns []Column

	tables   *fhir.Tables
	elements []string // see Elements
	where    []expression
	plan     *level
}

// Elements returns the names of the root elements of a resource that the view reads; nil
// means all. resourceType is required in addition.
func (v *View) Elements() []string { return slices.Clone(v.elements) }

// Canonical returns url|version, or only the URL if there is no version. It is empty
// without a URL.
func (v *View) Canonical() string {
	if v.URL == "" || v.Version == "" {
		return v.URL
	}
	return v.URL + "|" + v.Version
}

// Column describes a column. It does not depend on the data.
type Column struct {
	Name        string
	Description string

	// Type is the FHIR type of the cells: decimal, code, Quantity. It is string if the
	// view does not state it and it cannot be derived.
	Type string

	// Untyped reports that Type is neither stated nor derived. A cell of JSON then keeps
	// the JSON type of its value.
	Untyped bool

	// Collection reports whether cells are lists.
	Collection bool

	// SQL is the SQL type of the cells, or of the items of lists.
	SQL SQLType
}

// SQLType is an ISO SQL type.
type SQLType struct {
	Kind SQLKind

	// Length is the maximum number of characters of CharacterVarying; 0 = unlimited.
	Length int

	// Precision and Scale are those of Decimal, in digits.
	Precision, Scale int
}

// SQLKind is the kind of an [SQLType].
type SQLKind int

// The kinds of SQL types.
const (
	CharacterVarying SQLKind = iota
	Boolean
	SmallInt
	Integer
	BigInt
	Decimal
	Real
	DoublePrecision
	BinaryVarying
	Date
	Time
	Timestamp         // without time zone
	TimestampWithZone // with time zone
	Complex           // no SQL type: a FHIR type with elements, as JSON text
)

// Finding is a mistake in a ViewDefinition.
type Finding struct {
	// Path is the position in the ViewDefinition: select[1].column[0].path. It is empty
	// for the ViewDefinition itself.
	Path string

	// Text says what is wrong.
	Text string
}

// InvalidError is the error of a ViewDefinition that cannot be evaluated. It has all
// findings, in the order of the document.
type InvalidError struct{ Findings []Finding }

func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		texts[i] = f.Text
		if f.Path != "" {
			texts[i] = f.Path + ": " + f.Text
		}
	}
	return "invalid ViewDefinition: " + strings.Join(texts, "; ")
}

// CellKind is the kind of a [Cell].
type CellKind uint8

// The kinds of cells.
const (
	Null        CellKind = iota
	BooleanCell          // Text is true or false
	NumberCell           // Text is a JSON number as stored
	StringCell           // Text is the decoded string
	JSONCell             // Text is the JSON of an object, or of an array in an array, without white space
	ListCell             // Items has the items
)

// Cell is a value of a row. Its memory is valid until the next row.
type Cell struct {
	Kind  CellKind
	Text  []byte
	Items []Cell // of a ListCell; never nil
}

// DataError is a resource that a view cannot be evaluated on: a path that results in
// several values where a column has one, a condition that is not boolean, or a value that
// does not fit the type of its column. It does not contain the values.
type DataError struct {
	// Column is the name of the column; empty if a condition or an iteration failed.
	Column string

	// Path is the FHIRPath expression; empty if the value does not fit its column.
	Path string

	Reason string
}

// Error describes the error for the log: without the expression, which can contain what the
// author of the view looks for, such as names of patients.
func (e *DataError) Error() string {
	if e.Column == "" {
		return "a condition or an iteration: " + e.Reason
	}
	return fmt.Sprintf("column %s: %s", e.Column, e.Reason)
}

// maxDescribed bounds the expression in a description, in bytes.
const maxDescribed = 200

// Describe describes the error for the author of the view: with the expression, which is
// truncated.
func (e *DataError) Describe() string {
	path := e.Path
	if len(path) > maxDescribed {
		path = strings.ToValidUTF8(path[:maxDescribed], "") + "…"
	}
	switch {
	case path == "":
		return e.Error()
	case e.Column == "":
		return fmt.Sprintf("%s: %s", path, e.Reason)
	}
	return fmt.Sprintf("column %s (%s): %s", e.Column, path, e.Reason)
}
