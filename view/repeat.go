package view

import (
	"slices"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// The foci of a repeat are the nodes that its paths find, each before its descendants. The
// nodes that are found but not yet visited are in the stack, the next one on top.

const (
	noDescent   = "repeat finds the same element again; its paths must lead to elements below"
	repetitions = "repeat finds more items than the resource has; its paths find the same elements several times"
)

// nextNode advances to the next node and finds those below it.
func (c *cursor) nextNode(e *Evaluator) bool {
	top := len(e.values) - 1
	if top < c.foci {
		return false
	}
	c.focus = e.values[top]
	e.values = e.values[:top]
	c.rowIndex++
	return c.pushChildren(e, c.focus, c.rowIndex)
}

// pushChildren puts the nodes that the paths find on a node on the stack, so that the first
// one is on top.
func (c *cursor) pushChildren(e *Evaluator, node fhirpath.Value, rowIndex int) bool {
	start, size := len(e.values), e.size(node)
	for _, p := range c.level.paths {
		found := len(e.values)
		values, err := e.paths.Append(e.values, p.x, node, rowIndex)
		if err != nil {
			return e.fail("", p.text, err)
		}
		e.values = values
		for _, child := range values[found:] {
			switch {
			case !e.isBelow(child, size):
				return e.failData("", p.text, noDescent)
			case c.rowIndex > e.bytes:
				return e.failData("", p.text, repetitions)
			}
		}
	}
	slices.Reverse(e.values[start:])
	c.above = e.mark()
	return true
}

// size returns the size of an object in bytes, or 0 for a primitive.
func (e *Evaluator) size(v fhirpath.Value) int {
	if v.Kind() != fhirpath.Object {
		return 0
	}
	return len(e.paths.Text(v))
}

// isBelow reports whether a value can be in a node of a size: smaller than an object, or
// an extension of a primitive. Otherwise, a path like $this would never end.
func (e *Evaluator) isBelow(v fhirpath.Value, node int) bool {
	size := e.size(v)
	return size < node || node == 0 && size > 0
}
