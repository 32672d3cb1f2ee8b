package view

import "github.com/seed-90096f4d/sluice/view/fhirpath"

// cursor is the position in the rows of a level on one focus of its parent. Each row is
// written to the cells of the level in the row of the evaluator.
//
// The memory of the evaluator is used as a stack: the foci of a level, then the cells of
// its columns and its parts on the current focus, from the first part to the last. When a
// part advances, all that is above it in the stack is released, and the parts behind it
// start again.
type cursor struct {
	level *level
	parts []partCursor

	foci     int // the index of the next focus in the stack
	end      int // the index behind the last focus
	rowIndex int // of the current focus
	focus    fhirpath.Value
	above    mark // the stack without what belongs to the current focus
	started  bool // reports whether there is a current focus, whose parts have rows
}

func newCursor(l *level) cursor {
	c := cursor{level: l}
	for _, p := range l.parts {
		c.parts = append(c.parts, newPartCursor(p))
	}
	return c
}

// start begins the rows on a focus of the parent. It returns false after an error.
func (c *cursor) start(e *Evaluator, parent fhirpath.Value, rowIndex int) bool {
	c.started, c.foci, c.rowIndex = false, len(e.values), -1
	switch l := c.level; l.iteration {
	case once:
		e.values = append(e.values, parent)
		c.rowIndex = rowIndex - 1
	case deep:
		return c.pushChildren(e, parent, rowIndex)
	default:
		values, err := e.paths.Append(e.values, l.paths[0].x, parent, rowIndex)
		if err != nil {
			return e.fail("", l.paths[0].text, err)
		}
		e.values = values
	}
	c.end = len(e.values)
	c.above = e.mark()
	return true
}

// next advances to the next row. It returns false behind the last one and after an error.
func (c *cursor) next(e *Evaluator) bool {
	if c.started && c.nextCombination(e) {
		return true
	}
	for e.err == nil && c.nextFocus(e) {
		if c.setColumns(e) && c.startParts(e, 0) {
			c.started = true
			return true
		}
	}
	c.started = false
	return e.err == nil && c.nullRow(e)
}

// nextFocus advances to the next focus and releases what belongs to the current one.
func (c *cursor) nextFocus(e *Evaluator) bool {
	e.release(c.above)
	if c.level.iteration == deep {
		return c.nextNode(e)
	}
	if c.foci == c.end {
		return false
	}
	c.focus = e.values[c.foci]
	c.foci++
	c.rowIndex++
	return true
}

// setColumns evaluates the columns on the current focus.
func (c *cursor) setColumns(e *Evaluator) bool {
	for i := range c.level.columns {
		if !e.setCell(&c.level.columns[i], c.focus, c.rowIndex) {
			return false
		}
	}
	return true
}

// startParts moves the parts from the given one on to their first rows. It returns false
// if one of them has none.
func (c *cursor) startParts(e *Evaluator, from int) bool {
	for i := from; i < len(c.parts); i++ {
		p := &c.parts[i]
		if !p.start(e, c.focus, c.rowIndex) || !p.next(e) {
			return false
		}
	}
	return true
}

// nextCombination advances to the next combination of rows of the parts, the last part
// first.
func (c *cursor) nextCombination(e *Evaluator) bool {
	for i := len(c.parts) - 1; i >= 0 && e.err == nil; i-- {
		if c.parts[i].next(e) {
			return c.startParts(e, i+1)
		}
	}
	return false
}

// nullRow makes a row of nulls if the level iterates by forEachOrNull and there was nothing.
func (c *cursor) nullRow(e *Evaluator) bool {
	if c.level.iteration != orNull || c.rowIndex >= 0 {
		return false
	}
	c.rowIndex = 0
	e.setNulls(c.level)
	return true
}
