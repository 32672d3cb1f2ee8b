package view

import (
	"errors"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// Evaluator evaluates a view. It reuses its memory and is not safe for concurrent use.
//
//	e := v.NewEvaluator()
//	for e.Reset(resource); e.Next(); {
//		write(e.Row())
//	}
//	return e.Err()
//
// The rows of a resource are computed one by one, so that the memory does not depend on
// their number. An item that is iterated takes 48 bytes, and one in a list 104, which is up
// to 50 times the JSON of the shortest items; there are at most a million of each at a
// time.
type Evaluator struct {
	// BaseURL is the FHIR base of the server whose resources are evaluated, such as
	// https://example.org/fhir. A reference to a URL below it has a key; other absolute
	// references have none.
	BaseURL string

	// Stop, unless it is nil, is called from time to time while a row is computed. The rows
	// end with its error.
	Stop func() error

	view     *View
	paths    *fhirpath.Evaluator
	root     cursor
	resource *Resource
	bytes    int      // of the resource
	own      Resource // of Reset
	state    state
	err      error
	row      []Cell

	// values and items are stacks: the foci and the items of lists in the current row.
	values []fhirpath.Value
	items  []Cell
}

type state uint8

const (
	done state = iota
	ready
	running
)

// An evaluator that needed more memory than this for a resource starts again without it.
const (
	keptBytes  = 1 << 20 // of the resource, to which values and cells refer
	keptValues = 1 << 14
	keptItems  = 1 << 12
)

// NewEvaluator returns an evaluator of the view.
func (v *View) NewEvaluator() *Evaluator {
	return &Evaluator{
		view: v, paths: fhirpath.NewEvaluator(v.tables),
		root: newCursor(v.plan), row: make([]Cell, len(v.Columns)),
	}
}

// Resource is a resource in FHIR JSON, which several evaluators read one after the other. The
// zero value has no rows.
type Resource struct {
	index fhirpath.Index
	bytes int
}

// Set sets the resource, which is FHIR JSON on one line without white space between tokens. It
// must stay unchanged until the last row was read.
func (r *Resource) Set(resource []byte) {
	r.index.Reset(resource)
	r.bytes = len(resource)
}

// Reset is Begin for a resource that no other evaluator reads, as Resource.Set takes it.
func (e *Evaluator) Reset(resource []byte) {
	e.own.Set(resource)
	e.Begin(&e.own)
}

// Begin begins the rows of a resource. A resource whose type is not the type of the view has
// no rows.
func (e *Evaluator) Begin(resource *Resource) {
	if e.bytes > keptBytes || cap(e.values) > keptValues || cap(e.items) > keptItems {
		fresh := e.view.NewEvaluator()
		fresh.BaseURL, fresh.Stop, fresh.own = e.BaseURL, e.Stop, e.own
		*e = *fresh
	}
	e.state, e.resource, e.bytes, e.err = ready, resource, resource.bytes, nil
	e.values, e.items = e.values[:0], e.items[:0]
}

// Next advances to the next row of the resource.
func (e *Evaluator) Next() bool {
	switch e.state {
	case done:
		return false
	case ready:
		e.state = running
		if !e.begin() {
			e.state = done
			return false
		}
	}
	if !e.root.next(e) {
		e.state = done
	}
	return e.state == running
}

// begin evaluates the conditions and starts the rows. It returns false if there are no rows.
func (e *Evaluator) begin() bool {
	e.paths.BaseURL, e.paths.Stop = e.BaseURL, e.Stop
	if string(e.resource.index.ResourceType()) != e.view.Resource {
		return false
	}
	e.paths.Reset(e.view.Resource, &e.resource.index)
	root := e.paths.Root()
	for _, condition := range e.view.where {
		if !e.holds(condition, root) {
			return false
		}
	}
	return e.root.start(e, root, 0)
}

// holds reports whether a condition is true for the resource.
func (e *Evaluator) holds(condition expression, root fhirpath.Value) bool {
	mark := e.mark()
	values, err := e.paths.Append(e.values, condition.x, root, 0)
	if err != nil {
		return e.fail("", condition.text, err)
	}
	e.values = values
	e.release(mark)
	switch found := values[mark.values:]; {
	case len(found) == 0:
		return false
	case len(found) > 1:
		return e.failData("", condition.text, manyConditions)
	case found[0].Kind() == fhirpath.Null:
		return false
	case found[0].Kind() != fhirpath.Boolean:
		return e.failData("", condition.text, noBoolean)
	default:
		return found[0].IsTrue()
	}
}

// Row returns the current row: one cell for each column, valid until Next or Reset.
func (e *Evaluator) Row() []Cell { return e.row }

// Err returns the error that has ended the rows, if there was one: a *DataError, or that of
// Stop.
func (e *Evaluator) Err() error { return e.err }

// The reasons of errors.
const (
	manyConditions = "several values; a condition must have one"
	noBoolean      = "the value is not a boolean, as a condition must be"
	manyValues     = "multiple values; only a column with collection = true can have them"
)

// fail ends the rows with an error of an expression and returns false.
func (e *Evaluator) fail(column, path string, err error) bool {
	var data *fhirpath.DataError
	if !errors.As(err, &data) {
		e.err = err
		return false
	}
	return e.failData(column, path, data.Reason)
}

// failData ends the rows with a *DataError and returns false.
func (e *Evaluator) failData(column, path, reason string) bool {
	e.err = &DataError{Column: column, Path: path, Reason: reason}
	return false
}

// mark is the memory in use at a moment.
type mark struct{ values, items, paths int }

func (e *Evaluator) mark() mark { return mark{len(e.values), len(e.items), e.paths.Mark()} }

// release frees all memory used since a mark.
func (e *Evaluator) release(m mark) {
	e.values, e.items = e.values[:m.values], e.items[:m.items]
	e.paths.Release(m.paths)
}
