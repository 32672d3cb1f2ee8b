package overview

import (
	"cmp"
	"slices"

	"github.com/seed-90096f4d/sluice/jobs"
)

// kindOrder is the order of the kinds of files in lists.
var kindOrder = []jobs.FileKind{jobs.Output, jobs.Deleted, jobs.Outcome}

// typeTable has a row for each type and kind.
type typeTable struct{ rows []TypeProgress }

// row returns the row of a type and kind until the next call.
func (t *typeTable) row(name string, kind jobs.FileKind) *TypeProgress {
	i := slices.IndexFunc(t.rows, func(row TypeProgress) bool { return row.Type == name && row.Kind == kind })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, TypeProgress{Type: name, Kind: kind})
	}
	return &t.rows[i]
}

// sorted returns the rows sorted by kind and type.
func (t *typeTable) sorted() []TypeProgress {
	slices.SortFunc(t.rows, func(a, b TypeProgress) int {
		return cmp.Or(slices.Index(kindOrder, a.Kind)-slices.Index(kindOrder, b.Kind), cmp.Compare(a.Type, b.Type))
	})
	return t.rows
}
