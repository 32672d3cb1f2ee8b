package view

// level is a node of the plan of a view. It has what is evaluated once for each focus: the
// columns of a select, and the product of the rows of its parts.
//
// A select that does not iterate has the focus of its parent. Its columns and parts are
// moved to the level of the parent, which preserves the product and its order.
type level struct {
	iteration iteration
	paths     []expression // of the iteration
	columns   []cellColumn
	parts     []part

	first, end int          // all columns of the level and its parts in the row
	rowIndexes []cellColumn // columns of %rowIndex, which are 0 in a row of nulls
}

// part is a factor of a product: the rows of one level, or of the branches of a union, one
// after the other.
type part []*level

// cellColumn is a column as evaluated.
type cellColumn struct {
	expression
	name       string
	index      int // in the row
	collection bool
}

func newCellColumn(c *column) cellColumn {
	return cellColumn{expression{c.path, c.x}, c.Name, c.index, c.Collection}
}

// newLevel returns the plan of a select.
func newLevel(s *selection) *level {
	l := &level{iteration: s.iteration, paths: s.paths, first: s.first, end: s.end}
	l.add(s)
	l.rowIndexes = rowIndexes(s, nil)
	return l
}

// add adds the columns and the parts of a select on the focus of the level.
func (l *level) add(s *selection) {
	for _, c := range s.columns {
		l.columns = append(l.columns, newCellColumn(c))
	}
	for _, nested := range s.selects {
		if nested.iteration == once {
			l.add(nested)
		} else {
			l.parts = append(l.parts, part{newLevel(nested)})
		}
	}
	if len(s.union) > 0 {
		var branches part
		for _, branch := range s.union {
			branches = append(branches, newLevel(branch))
		}
		l.parts = append(l.parts, branches)
	}
}

// rowIndexes appends the columns of %rowIndex in a select and all selects below it. Those
// of a union are the ones of its first branch.
func rowIndexes(s *selection, indexes []cellColumn) []cellColumn {
	for _, c := range s.columns {
		if c.x.IsRowIndex() {
			indexes = append(indexes, newCellColumn(c))
		}
	}
	for _, nested := range s.selects {
		indexes = rowIndexes(nested, indexes)
	}
	if len(s.union) > 0 {
		indexes = rowIndexes(s.union[0], indexes)
	}
	return indexes
}
