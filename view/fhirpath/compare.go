package fhirpath

import (
	"bytes"
	"slices"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// equality evaluates = and !=.
func (e *Evaluator) equality(n *node, f *frame) (truth, error) {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return unknown, err
	}
	middle := len(e.stack)
	if err := e.evaluate(n.right, f); err != nil {
		return unknown, err
	}
	left, right := e.stack[base:middle], e.stack[middle:]
	e.stack = e.stack[:base]
	result := isTrue
	switch {
	case len(left) == 0 || len(right) == 0:
		return unknown, nil
	case len(left) != len(right):
		result = isFalse
	default:
		for i := range left {
			result = both(result, e.equal(&left[i], &right[i]))
		}
	}
	if n.op == opNotEqual {
		result = result.not()
	}
	return result, nil
}

// both returns the conjunction of two truths.
func both(a, b truth) truth {
	switch {
	case a == isFalse || b == isFalse:
		return isFalse
	case a == isTrue:
		return b
	}
	return unknown
}

// equal compares two items. Items of types that do not convert to each other are not equal.
func (e *Evaluator) equal(a, b *Value) truth {
	if a.kind == Null || b.kind == Null {
		return unknown
	}
	ca, cb := a.class(), b.class()
	switch {
	case ca == quantityClass && cb == quantityClass && (a.typ == systemQuantity || b.typ == systemQuantity):
		order, ok := e.compareQuantities(a, b)
		return truthIf(ok, order == 0)
	case a.kind == Object && b.kind == Object:
		return truthOf(e.sameJSON(a.text, b.text))
	case ca.family() != cb.family():
		return isFalse
	}
	switch ca.family() {
	case stringClass:
		return truthOf(e.sameText(a, b))
	case booleanClass:
		return truthOf(a.IsTrue() == b.IsTrue())
	}
	order, ok := e.compareValues(a, b, ca)
	return truthIf(ok, order == 0)
}

func truthIf(known, b bool) truth {
	if !known {
		return unknown
	}
	return truthOf(b)
}

// order evaluates < <= > >=.
func (e *Evaluator) order(n *node, f *frame) (truth, error) {
	a, okA, err := e.single(n, n.left, f)
	if err != nil {
		return unknown, err
	}
	b, okB, err := e.single(n, n.right, f)
	if err != nil || !okA || !okB {
		return unknown, err
	}
	if !a.class().comparable(b.class()) {
		return unknown, wrongTypes(n, a, b)
	}
	order, ok := e.compareValues(&a, &b, a.class())
	if !ok {
		return unknown, nil
	}
	switch n.op {
	case opLess:
		return truthOf(order < 0), nil
	case opLessOrEqual:
		return truthOf(order <= 0), nil
	case opGreater:
		return truthOf(order > 0), nil
	}
	return truthOf(order >= 0), nil
}

// compareValues compares two values of a class. ok is false if the order is not known.
func (e *Evaluator) compareValues(a, b *Value, c class) (order int, ok bool) {
	switch c {
	case integerClass, decimalClass:
		return compareNumbers(a.text, b.text)
	case dateClass, dateTimeClass:
		var ta, tb temporal
		if !ta.parseDateTime(a.text) || !tb.parseDateTime(b.text) {
			return 0, false
		}
		return ta.compare(&tb)
	case timeClass:
		var ta, tb temporal
		if !ta.parseTime(a.text) || !tb.parseTime(b.text) {
			return 0, false
		}
		return ta.compare(&tb)
	case quantityClass:
		return e.compareQuantities(a, b)
	}
	mark := e.Mark()
	defer e.Release(mark)
	return bytes.Compare(e.decode(a), e.decode(b)), true
}

// maxDepth is the nesting of objects that are compared.
const maxDepth = 500

// sameJSON reports whether the JSON values that begin two texts are equal: objects
// regardless of the order of their members, numbers by value.
func (e *Evaluator) sameJSON(a, b []byte) bool { return e.sameNested(a, b, 0) }

func (e *Evaluator) sameNested(a, b []byte, depth int) bool {
	kind := jsonscan.At(a, 0)
	if depth > maxDepth || kind != jsonscan.At(b, 0) && (kind == '{' || kind == '[') {
		return false
	}
	switch kind {
	case '[':
		return e.sameArrays(newArray(a), newArray(b), depth)
	case '{':
		return e.sameObjects(a, b, depth)
	}
	x, okX := newValue(nil, a)
	y, okY := newValue(nil, b)
	switch {
	case !okX || !okY || x.kind != y.kind:
		return false
	case x.kind == Number:
		order, ok := compareNumbers(x.text, y.text)
		return ok && order == 0
	case x.kind == String:
		return e.sameText(&x, &y)
	}
	return string(x.text) == string(y.text)
}

func (e *Evaluator) sameArrays(a, b array, depth int) bool {
	for {
		x, more := a.next()
		y, moreY := b.next()
		if !more || !moreY {
			return more == moreY
		}
		if !e.sameNested(x, y, depth+1) {
			return false
		}
	}
}

// sameObjects compares objects. Equal objects mostly have the same text.
func (e *Evaluator) sameObjects(a, b []byte, depth int) bool {
	a, b = a[:jsonscan.ValueEnd(a, 0)], b[:jsonscan.ValueEnd(b, 0)]
	if bytes.Equal(a, b) {
		return true
	}
	x, y := sortedMembers(a), sortedMembers(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if string(a[x[i].key:x[i].keyEnd]) != string(b[y[i].key:y[i].keyEnd]) || !e.sameNested(a[x[i].value:], b[y[i].value:], depth+1) {
			return false
		}
	}
	return true
}

// sortedMembers returns the members of an object by name.
func sortedMembers(text []byte) (all []position) {
	for next := newMembers(text); next.advance(); {
		all = append(all, next.position)
	}
	slices.SortStableFunc(all, func(a, b position) int {
		return bytes.Compare(text[a.key:a.keyEnd], text[b.key:b.keyEnd])
	})
	return all
}
