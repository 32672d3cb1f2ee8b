// Package fhirpath compiles and evaluates the subset of FHIRPath that SQL on FHIR views
// use, on the bytes of a resource in FHIR JSON.
//
// An expression is parsed and checked once, against the element tables of FHIR. It is then
// evaluated on the bytes of each resource; nothing is decoded into maps, and an evaluator
// that has seen a few resources allocates nothing.
//
// The package must not know views.
package fhirpath

import (
	"errors"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Type is the type of the items of a collection, as far as the expression determines it: a
// FHIR type (Patient, HumanName, Observation.component, code), a type of FHIRPath
// (System.Boolean), or empty if it is not known.
type Type string

// Scope is what the names of an expression mean.
type Scope struct {
	Tables *fhir.Tables

	// Resource is the type of the resource.
	Resource string

	// Focus is the type of the item that the expression is evaluated on; equal to
	// Resource at the root. Empty = not known.
	Focus Type

	// OtherFoci are further types that the item can have: under a repeat, or of a choice
	// element. An element then has to belong to one of the types only.
	OtherFoci []Type

	// AtRoot reports whether that item is the resource itself.
	AtRoot bool

	// Constants are the values of %name.
	Constants map[string]Constant
}

// Constant is a value of a FHIR type.
type Constant struct {
	Type string // code, decimal, dateTime
	Text string // of the value: decoded if it is a string
}

// Error is a mistake in an expression.
type Error struct {
	Offset int // in bytes
	Text   string
}

func (e *Error) Error() string { return e.Text }

// Expression is a compiled expression. It is immutable and safe for concurrent use.
type Expression struct{}

// Compile parses and checks an expression. The error is an *Error.
func Compile(text string, scope Scope) (*Expression, error) {
	return nil, errors.New("not implemented")
}

// Type returns the type of the items that the expression results in; empty if it is not
// known or one of several.
func (x *Expression) Type() Type { return "" }

// Types returns the types that the items can have: all types of a choice element. It is
// nil if they are not known, and also if the expression is always empty.
func (x *Expression) Types() []Type { return nil }

// Many reports whether the expression can result in more than one item.
func (x *Expression) Many() bool { return false }

// IsRowIndex reports whether the expression is %rowIndex.
func (x *Expression) IsRowIndex() bool { return false }

// Elements returns the names of the elements of its focus that the expression reads. all
// reports that it may read every element.
func (x *Expression) Elements() (names []string, all bool) { return nil, true }

// Kind is what the value of an item is.
type Kind uint8

// The kinds of values.
const (
	Null    Kind = iota // a primitive without a value: it has only an id or extensions
	Boolean             // Evaluator.Text is true or false
	Number              // Evaluator.Text is a JSON number as stored
	String              // Evaluator.Text is the decoded string
	Object              // Evaluator.Text is the JSON of an object
)

// Value is an item of a collection. Its bytes belong to the resource, the expression or
// the evaluator, and are valid until the evaluator is reset or released.
type Value struct{}

// Type returns the type of the item: of an element of a choice the type it has in this
// resource. It is empty if FHIR does not define it.
func (v Value) Type() Type { return "" }

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return Null }

// Evaluator evaluates expressions on one resource at a time. It reuses its memory and is
// not safe for concurrent use.
type Evaluator struct {
	// BaseURL is the FHIR base of the server whose resources are evaluated, such as
	// https://example.org/fhir. A reference to a URL below it has a key; other
	// absolute references have none.
	BaseURL string
}

// NewEvaluator returns an evaluator of expressions that were compiled with the same tables.
func NewEvaluator(tables *fhir.Tables) *Evaluator { return &Evaluator{} }

// Reset sets the resource, which is FHIR JSON without white space between tokens. It must
// not change until the next call.
func (e *Evaluator) Reset(resourceType string, resource []byte) {}

// Root returns the resource as an item.
func (e *Evaluator) Root() Value { return Value{} }

// Append appends the items that the expression results in for a focus and returns the
// extended slice. The error is a *DataError.
func (e *Evaluator) Append(dst []Value, x *Expression, focus Value, rowIndex int) ([]Value, error) {
	return dst, nil
}

// Text returns the text of a value: a string decoded, a number as stored, an object as
// JSON; nil for Null. It is valid until the evaluator is reset or released.
func (e *Evaluator) Text(v Value) []byte { return nil }

// Mark returns the amount of memory in use, for Release.
func (e *Evaluator) Mark() int { return 0 }

// Release frees the memory used since Mark, which grows with each evaluation until the
// evaluator is reset: texts and results since then become invalid.
func (e *Evaluator) Release(mark int) {}

// DataError is a resource that the expression cannot be evaluated on.
type DataError struct{ Reason string }

func (e *DataError) Error() string { return e.Reason }
