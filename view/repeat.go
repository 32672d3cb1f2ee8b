package view

import (
	"errors"
	"slices"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// The foci of a repeat are the nodes that its paths find, each before its descendants. The
// nodes that are found but not yet visited are in the stack, the next one on top.

var errNoDescent = errors.New("repeat finds the same element again; its paths must lead to elements below")

// startRepeat finds the nodes below the focus of the parent.
func (c *cursor) startRepeat(e *Evaluator, parent fhirpath.Value, rowIndex int) bool {
	return c.pushChildren(e, parent, rowIndex)
}

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
	start := len(e.values)
	for _, p := range c.level.paths {
		found := len(e.values)
		values, err := e.paths.Append(e.values, p.x, node, rowIndex)
		if err != nil {
			return e.fail("", p.text, err)
		}
		e.values = values
		for _, child := range values[found:] {
			if c.rowIndex > len(e.resource) || !e.isBelow(child, node) {
				return e.fail("", p.text, errNoDescent)
			}
		}
	}
	slices.Reverse(e.values[start:])
	c.above = e.mark()
	return true
}

// isBelow reports whether a value can be one that the other contains. Without this, a path
// like $this would never end.
func (e *Evaluator) isBelow(child, node fhirpath.Value) bool {
	if child.Kind() != fhirpath.Object {
		return node.Kind() == fhirpath.Object
	}
	return node.Kind() != fhirpath.Object || len(e.paths.Text(child)) < len(e.paths.Text(node))
}
