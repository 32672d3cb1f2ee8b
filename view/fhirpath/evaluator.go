package fhirpath

import (
	"fmt"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Evaluator evaluates expressions on one resource at a time. It reuses its memory and is
// not safe for concurrent use.
type Evaluator struct {
	// BaseURL is the FHIR base of the server whose resources are evaluated, such as
	// https://example.org/fhir. A reference to a URL below it has a key; other
	// absolute references have none.
	BaseURL string

	// Stop, unless it is nil, is called from time to time. An evaluation ends with its
	// error.
	Stop func() error

	schema *schema
	root   Value
	index  *Index

	// stack has the items of the operations that are being evaluated, above those that
	// the caller of Append already has.
	stack   []Value
	scratch []byte // decoded strings and results
	maxText int    // of scratch

	interval, steps int // between calls of Stop, and to the next one
}

// NewEvaluator returns an evaluator of expressions that were compiled with the same tables.
func NewEvaluator(tables *fhir.Tables) *Evaluator {
	return &Evaluator{schema: schemaOf(tables)}
}

// Stop is called after maxSteps operations, or after fewer on a large resource, which each
// of them may scan: after about scannedBytes.
const (
	maxSteps     = 4096
	scannedBytes = 16 << 20
)

// The text that expressions make between Release and Release, which also includes decoded
// strings, has at most freeText bytes and textFactor times the size of the resource.
const (
	freeText   = 16 << 20
	textFactor = 4
)

// keptBytes is how much memory an evaluator keeps after a resource that needed more.
const keptBytes = 1 << 20

// Reset sets the resource. Its index must not change until the next call.
func (e *Evaluator) Reset(resourceType string, index *Index) {
	resource := index.text
	e.root = Value{typ: e.schema.types[resourceType], text: resource, kind: Object, root: true}
	e.index = index
	e.maxText = freeText + textFactor*len(resource)
	e.interval = 1 + min(maxSteps, scannedBytes/(len(resource)+1))
	e.steps = e.interval
	if e.scratch = e.scratch[:0]; cap(e.scratch) > keptBytes {
		e.scratch = nil
	}
}

// Root returns the resource as an item.
func (e *Evaluator) Root() Value { return e.root }

// maxItems bounds the items in memory, with those of all operations that are being
// evaluated. A Value has 48 bytes, more than the JSON of a short item.
const maxItems = 1_000_000

var errManyItems = &DataError{Reason: fmt.Sprintf("too many items; the maximum is %d at a time", maxItems)}

// Append appends the items that the expression results in for a focus and returns the
// extended slice, which has at most a million items. The error is a *DataError, or that of
// Stop.
func (e *Evaluator) Append(dst []Value, x *Expression, focus Value, rowIndex int) ([]Value, error) {
	e.stack = dst
	err := e.evaluate(x.root, &frame{this: focus, rowIndex: rowIndex})
	if err == nil {
		err = e.checkItems()
	}
	if err == nil {
		dst = e.stack
	}
	e.stack = nil
	return dst, err
}

// checkItems fails if there are too many items.
func (e *Evaluator) checkItems() error {
	if len(e.stack) > maxItems {
		return errManyItems
	}
	return nil
}

// DataError is a resource that an expression cannot be evaluated on. It does not contain
// values of the resource.
type DataError struct{ Reason string }

func (e *DataError) Error() string { return e.Reason }

// severalItems is the error of an operation on more than one item.
func severalItems(n *node) error {
	return &DataError{Reason: n.name + " needs a single value, got several"}
}

// wrongTypes is the error of an operator whose operands have types that it is not for.
func wrongTypes(n *node, a, b Value) error {
	return &DataError{Reason: fmt.Sprintf("%s is not for values of type %s and %s", n.name, a.Type(), b.Type())}
}

// frame has the values of $this, $index and %rowIndex.
type frame struct {
	this     Value
	item     int
	rowIndex int
}

// checkText fails if the text would be too long with so many bytes more.
func (e *Evaluator) checkText(more int) error {
	if len(e.scratch)+more > e.maxText {
		return &DataError{Reason: fmt.Sprintf("the result is too long; the maximum is %d bytes for this resource", e.maxText)}
	}
	return nil
}

// check fails if there is too much text, or if the evaluation should stop.
func (e *Evaluator) check() error {
	e.steps = e.interval
	if e.Stop != nil {
		if err := e.Stop(); err != nil {
			return err
		}
	}
	return e.checkText(0)
}

// evaluate pushes the items of a node.
func (e *Evaluator) evaluate(n *node, f *frame) error {
	if e.steps--; e.steps < 0 || len(e.scratch) > e.maxText {
		if err := e.check(); err != nil {
			return err
		}
	}
	switch n.op {
	case opLiteral:
		e.push(n.literal)
	case opNothing:
	case opThis:
		e.push(f.this)
	case opItemIndex:
		e.push(e.integer(f.item))
	case opRowIndex:
		e.push(e.integer(f.rowIndex))
	case opElement:
		return e.element(n, f)
	case opTypeName, opOfType:
		return e.filterType(n, f)
	case opIndexer:
		return e.item(n, f)
	case opFirst:
		return e.first(n, f)
	case opWhere:
		return e.where(n, f)
	case opExtension:
		return e.extension(n, f)
	case opJoin:
		return e.join(n, f)
	case opLowBoundary, opHighBoundary:
		return e.boundary(n, f)
	case opResourceKey:
		return e.resourceKey(n, f)
	case opReferenceKey:
		return e.referenceKey(n, f)
	case opAdd, opSubtract, opMultiply, opDivide:
		return e.arithmetic(n, f)
	case opNegate:
		return e.negate(n, f)
	default:
		t, err := e.truth(n, f)
		if err != nil {
			return err
		}
		e.pushTruth(t)
	}
	return nil
}

func (e *Evaluator) push(v Value) { e.stack = append(e.stack, v) }

func (e *Evaluator) pushTruth(t truth) {
	switch t {
	case isTrue:
		e.push(trueValue)
	case isFalse:
		e.push(falseValue)
	}
}

// single returns the only item of an operand of n. ok is false if there is none, or if it
// has no value.
func (e *Evaluator) single(n, operand *node, f *frame) (v Value, ok bool, err error) {
	if operand.op == opLiteral {
		return operand.literal, true, nil
	}
	base := len(e.stack)
	if err := e.evaluate(operand, f); err != nil {
		return v, false, err
	}
	items := e.stack[base:]
	e.stack = e.stack[:base]
	switch len(items) {
	case 0:
		return v, false, nil
	case 1:
		return items[0], items[0].kind != Null, nil
	}
	return v, false, severalItems(n)
}
