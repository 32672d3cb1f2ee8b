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
	"unicode/utf8"

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

// Error is a mistake in an expression.
type Error struct {
	Offset int // in bytes
	Text   string
}

func (e *Error) Error() string { return e.Text }

// Expression is a compiled expression. It is immutable and safe for concurrent use.
type Expression struct {
	root  *node
	names []string
	all   bool
}

// Compile parses and checks an expression. The error is an *Error.
func Compile(text string, scope Scope) (*Expression, error) {
	if len(text) > maxLength {
		return nil, mistake(0, "the expression has %d bytes, at most %d are allowed", len(text), maxLength)
	}
	if !utf8.ValidString(text) {
		return nil, mistake(0, "the expression is not valid UTF-8")
	}
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := newCompiler(scope)
	root, err := c.compile(parsed, c.focus())
	if err != nil {
		return nil, err
	}
	c.escape(root)
	return &Expression{root: root, names: c.reads, all: c.readsAll}, nil
}

// Type returns the type of the items that the expression results in; empty if it is not
// known or one of several.
func (x *Expression) Type() Type {
	if len(x.root.types) == 1 {
		return x.root.types[0].name
	}
	return ""
}

// Types returns the types that the items can have: all types of a choice element. It is
// nil if they are not known, and also if the expression is always empty.
func (x *Expression) Types() (types []Type) {
	for _, t := range x.root.types {
		types = append(types, t.name)
	}
	return types
}

// KeepsFocus reports whether the items can only be the focus: $this, where(active).
func (x *Expression) KeepsFocus() bool { return x.root.focus }

// IsRowIndex reports whether the expression is %rowIndex.
func (x *Expression) IsRowIndex() bool { return x.root.op == opRowIndex }

// Elements returns the names of the elements of its focus that the expression reads. all
// reports that it may read every element.
func (x *Expression) Elements() (names []string, all bool) { return x.names, x.all }
