package view

import "github.com/seed-90096f4d/sluice/view/fhirpath"

// partCursor is the position in the rows of a part: in the rows of one of its branches.
type partCursor struct {
	branches []cursor
	current  int

	focus    fhirpath.Value // of the parent
	rowIndex int
	above    mark
}

func newPartCursor(p part) partCursor {
	c := partCursor{}
	for _, branch := range p {
		c.branches = append(c.branches, newCursor(branch))
	}
	return c
}

// start begins the rows on a focus of the parent. It returns false after an error.
func (p *partCursor) start(e *Evaluator, focus fhirpath.Value, rowIndex int) bool {
	p.current, p.focus, p.rowIndex, p.above = 0, focus, rowIndex, e.mark()
	return p.branches[0].start(e, focus, rowIndex)
}

// next advances to the next row of the branch, or to the first row of the next branch that
// has one.
func (p *partCursor) next(e *Evaluator) bool {
	for !p.branches[p.current].next(e) {
		if e.err != nil || p.current == len(p.branches)-1 {
			return false
		}
		p.current++
		e.release(p.above)
		if !p.branches[p.current].start(e, p.focus, p.rowIndex) {
			return false
		}
	}
	return true
}
