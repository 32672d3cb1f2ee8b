package fhirpath

import (
	"bytes"
	"slices"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

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
		if string(x[i].Name(a)) != string(y[i].Name(b)) || !e.sameNested(a[x[i].Value:], b[y[i].Value:], depth+1) {
			return false
		}
	}
	return true
}

// sortedMembers returns the members of an object by name.
func sortedMembers(text []byte) []jsonscan.Member {
	var x rootIndex
	x.reset(text)
	slices.SortStableFunc(x.members, func(a, b jsonscan.Member) int { return bytes.Compare(a.Name(text), b.Name(text)) })
	return x.members
}
