package view

import (
	"errors"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Parse parses and checks a ViewDefinition, in either of the two published JSON forms.
// The error is an *InvalidError with everything that is wrong.
func Parse(document []byte, tables *fhir.Tables) (*View, error) {
	return nil, errors.New("not implemented")
}

// Elements returns the names of the root elements of a resource that the view reads, as
// fhir.Tables.Subset takes them; nil means all.
func (v *View) Elements() []string { return nil }

// Canonical returns url|version, or what there is of it.
func (v *View) Canonical() string { return "" }

// Evaluator evaluates a view. It reuses its memory and is not safe for concurrent use.
//
//	e := v.NewEvaluator()
//	for e.Reset(resource); e.Next(); {
//		write(e.Row())
//	}
//	return e.Err()
type Evaluator struct{}

// NewEvaluator returns an evaluator of the view.
func (v *View) NewEvaluator() *Evaluator { return &Evaluator{} }

// Reset begins the rows of a resource, which is FHIR JSON on one line without white space
// between tokens. It must stay unchanged until the last row was read.
func (e *Evaluator) Reset(resource []byte) {}

// Next advances to the next row of the resource.
func (e *Evaluator) Next() bool { return false }

// Row returns the current row: one cell for each column, valid until Next or Reset.
func (e *Evaluator) Row() []Cell { return nil }

// Err returns the error that has ended the rows, a *DataError, if there was one.
func (e *Evaluator) Err() error { return nil }
