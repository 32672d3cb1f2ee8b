package view

import (
	"fmt"
	"slices"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// cellKinds are the kinds of cells by the kinds of values.
var cellKinds = [...]CellKind{
	fhirpath.Null: Null, fhirpath.Boolean: BooleanCell, fhirpath.Number: NumberCell,
	fhirpath.String: StringCell, fhirpath.Object: JSONCell,
}

// emptyList are the items of a list without items.
var emptyList = []Cell{}

// maxItems bounds the items of all lists in a row.
const maxItems = 1_000_000

var manyItems = fmt.Sprintf("too many items; the maximum is %d in all lists of a row", maxItems)

// setCell evaluates a column on a focus. It returns false after an error.
func (e *Evaluator) setCell(c *cellColumn, focus fhirpath.Value, rowIndex int) bool {
	base := len(e.values)
	values, err := e.paths.Append(e.values, c.x, focus, rowIndex)
	if err != nil {
		return e.fail(c.name, c.text, err)
	}
	e.values = values[:base]
	cell := &e.row[c.index]
	switch found := values[base:]; {
	case c.collection:
		if len(e.items)+len(found) > maxItems {
			return e.failData(c.name, c.text, manyItems)
		}
		*cell = Cell{Kind: ListCell, Items: e.list(found)}
	case len(found) == 0:
		*cell = Cell{}
	case len(found) == 1:
		cell.Kind, cell.Text, cell.Items = cellKinds[found[0].Kind()], e.paths.Text(found[0]), nil
	default:
		return e.failData(c.name, c.text, manyValues)
	}
	return true
}

// list returns the items of a list.
func (e *Evaluator) list(values []fhirpath.Value) []Cell {
	if len(values) == 0 {
		return emptyList
	}
	start := len(e.items)
	if cap(e.items)-start < len(values) {
		e.items = slices.Grow(e.items, len(values))
	}
	for _, v := range values {
		e.items = append(e.items, Cell{Kind: cellKinds[v.Kind()], Text: e.paths.Text(v)})
	}
	return e.items[start:len(e.items):len(e.items)]
}

// zero and zeroList are %rowIndex in a row of nulls.
var (
	zero     = Cell{Kind: NumberCell, Text: []byte("0")}
	zeroList = Cell{Kind: ListCell, Items: []Cell{zero}}
)

// setNulls makes all cells of a level null, also lists and literals, but not %rowIndex.
func (e *Evaluator) setNulls(l *level) {
	clear(e.row[l.first:l.end])
	for _, c := range l.rowIndexes {
		e.row[c.index] = zero
		if c.collection {
			e.row[c.index] = zeroList
		}
	}
}
