package view_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The algorithm of the specification, written down as it is there: recursive, on decoded
// JSON, and with all rows in memory. It is the oracle for random views on random
// resources, in which rows must agree also in their order.

// shape is a type of the random resources: its elements by name.
type shape map[string]element

type element struct {
	shape string // empty for a string
	many  bool
}

var shapes = map[string]shape{
	"Patient": {"id": {}, "name": {"HumanName", true}, "contact": {"contact", true}, "telecom": {"ContactPoint", true},
		"photo": {"Attachment", true}, "extension": {"Extension", true}},
	"HumanName":    {"family": {}, "given": {"", true}, "extension": {"Extension", true}},
	"contact":      {"name": {"HumanName", false}, "telecom": {"ContactPoint", true}, "extension": {"Extension", true}},
	"ContactPoint": {"value": {}, "extension": {"Extension", true}},
	"Attachment":   {"title": {}, "extension": {"Extension", true}},
	"Extension":    {"url": {}, "extension": {"Extension", true}},
}

// randomView generates selects and resources.
type randomView struct {
	*rand.Rand
	selects int
	names   int
}

func (r *randomView) chance(percent int) bool { return r.IntN(100) < percent }

func elementNames(typ string) []string { return slices.Sorted(maps.Keys(shapes[typ])) }

// resource returns a random object of a type.
func (r *randomView) resource(typ string, depth int) map[string]any {
	object := map[string]any{}
	for _, name := range elementNames(typ) {
		e := shapes[typ][name]
		if r.chance(35) || depth > 4 && e.shape != "" {
			continue
		}
		count := 1
		if e.many {
			count = 1 + r.IntN(3)
		}
		var items []any
		for range count {
			if e.shape == "" {
				items = append(items, fmt.Sprintf("%s%d", name, r.IntN(100)))
			} else if nested := r.resource(e.shape, depth+1); len(nested) > 0 {
				items = append(items, nested)
			}
		}
		switch {
		case len(items) == 0:
		case e.many:
			object[name] = items
		default:
			object[name] = items[0]
		}
	}
	return object
}

// randomSelect is a select, as JSON has it.
type randomSelect struct {
	ForEach       string          `json:"forEach,omitempty"`
	ForEachOrNull string          `json:"forEachOrNull,omitempty"`
	Repeat        []string        `json:"repeat,omitempty"`
	Column        []randomColumn  `json:"column,omitempty"`
	Select        []*randomSelect `json:"select,omitempty"`
	UnionAll      []*randomSelect `json:"unionAll,omitempty"`
}

type randomColumn struct {
	Name       string `json:"name"`
	Path       string `json:"path"`
	Collection bool   `json:"collection,omitempty"`
}

// columnNames returns names of new columns, whose first letter is what they are: an index,
// a string or a collection.
func (r *randomView) columnNames(count int) (names []string) {
	for range count {
		names = append(names, fmt.Sprintf("%c%d", "isscx"[r.IntN(5)], r.names))
		r.names++
	}
	return names
}

// newSelect returns a select with these columns, evaluated on a type; empty is a string.
func (r *randomView) newSelect(typ string, names []string) *randomSelect {
	s := &randomSelect{}
	r.selects++
	typ = r.iterate(s, typ)
	own := r.IntN(len(names) + 1)
	if r.selects > 12 {
		own = len(names)
	}
	for _, name := range names[:own] {
		s.Column = append(s.Column, r.column(typ, name))
	}
	for names = names[own:]; len(names) > 0; {
		part := 1 + r.IntN(len(names))
		if r.chance(40) || r.selects > 12 {
			part = len(names)
			for range 1 + r.IntN(3) {
				s.UnionAll = append(s.UnionAll, r.newSelect(typ, names))
			}
		} else {
			s.Select = append(s.Select, r.newSelect(typ, names[:part]))
		}
		names = names[part:]
	}
	return s
}

// iterate makes a select iterate, or not, and returns the type of its foci.
func (r *randomView) iterate(s *randomSelect, typ string) string {
	names := elementNames(typ)
	if len(names) == 0 || r.chance(35) {
		return typ
	}
	name := names[r.IntN(len(names))]
	switch {
	case r.chance(20):
		s.Repeat = []string{"extension"}
		return "Extension"
	case r.chance(50):
		s.ForEach = name
	default:
		s.ForEachOrNull = name
	}
	return shapes[typ][name].shape
}

func (r *randomView) column(typ, name string) randomColumn {
	c := randomColumn{Name: name, Collection: name[0] == 'c'}
	switch name[0] {
	case 'i':
		c.Path = "%rowIndex"
		return c
	case 'x':
		c.Path = "'x'"
		return c
	}
	if c.Path = "$this"; typ == "" {
		return c
	}
	for _, name := range elementNames(typ) {
		e := shapes[typ][name]
		if e.shape == "" && (!e.many || c.Collection) {
			c.Path = name
		}
	}
	if c.Path == "$this" {
		c.Path = "extension.url"
		if !c.Collection {
			c.Path = "'none'"
		}
	}
	return c
}

type oracleRow map[string]string

// process returns the rows of a select on a focus.
func process(s *randomSelect, parent any, rowIndex int) (rows []oracleRow) {
	foci := []any{parent}
	switch {
	case s.Repeat != nil:
		foci = traverse(s.Repeat, parent)
	case s.ForEach != "":
		foci = children(s.ForEach, parent)
	case s.ForEachOrNull != "":
		foci = children(s.ForEachOrNull, parent)
	}
	for i, focus := range foci {
		index := rowIndex
		if s.Repeat != nil || s.ForEach != "" || s.ForEachOrNull != "" {
			index = i
		}
		rows = append(rows, product(s, focus, index)...)
	}
	if len(foci) == 0 && s.ForEachOrNull != "" {
		rows = append(rows, nulls(s))
	}
	return rows
}

func product(s *randomSelect, focus any, index int) []oracleRow {
	own := oracleRow{}
	for _, c := range s.Column {
		own[c.Name] = oracleCell(c, focus, index)
	}
	rows := []oracleRow{own}
	for _, nested := range s.Select {
		rows = combine(rows, process(nested, focus, index))
	}
	if s.UnionAll != nil {
		var all []oracleRow
		for _, branch := range s.UnionAll {
			all = append(all, process(branch, focus, index)...)
		}
		rows = combine(rows, all)
	}
	return rows
}

func combine(left, right []oracleRow) (rows []oracleRow) {
	for _, l := range left {
		for _, r := range right {
			row := oracleRow{}
			for name, cell := range l {
				row[name] = cell
			}
			for name, cell := range r {
				row[name] = cell
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func nulls(s *randomSelect) oracleRow {
	row := oracleRow{}
	for _, c := range s.Column {
		row[c.Name] = "null"
		if c.Path == "%rowIndex" {
			row[c.Name] = "0"
		}
	}
	for _, nested := range append(s.Select, s.UnionAll...) {
		for name, cell := range nulls(nested) {
			row[name] = cell
		}
	}
	return row
}

func traverse(paths []string, parent any) (nodes []any) {
	for _, path := range paths {
		for _, child := range children(path, parent) {
			nodes = append(append(nodes, child), traverse(paths, child)...)
		}
	}
	return nodes
}

// children returns the items of a path of element names.
func children(path string, parent any) []any {
	items := []any{parent}
	for _, name := range strings.Split(path, ".") {
		var next []any
		for _, item := range items {
			object, _ := item.(map[string]any)
			switch value := object[name].(type) {
			case nil:
			case []any:
				next = append(next, value...)
			default:
				next = append(next, value)
			}
		}
		items = next
	}
	return items
}

func oracleCell(c randomColumn, focus any, index int) string {
	var items []any
	switch {
	case c.Path == "%rowIndex":
		items = []any{index}
	case strings.HasPrefix(c.Path, "'"):
		items = []any{strings.Trim(c.Path, "'")}
	case c.Path == "$this":
		items = []any{focus}
	default:
		items = children(c.Path, focus)
	}
	if c.Collection {
		return strings.ReplaceAll(fmt.Sprint(items), "<nil>", "")
	}
	if len(items) == 0 {
		return "null"
	}
	return fmt.Sprint(items[0])
}

func TestRandomViews(t *testing.T) {
	t.Parallel()
	const iterations = 300
	total := 0
	for seed := range iterations {
		r := &randomView{Rand: rand.New(rand.NewPCG(uint64(seed), 17))}
		s := &randomSelect{}
		for range 1 + r.IntN(2) {
			s.Select = append(s.Select, r.newSelect("Patient", r.columnNames(1+r.IntN(5))))
		}
		document, err := json.Marshal(map[string]any{"resource": "Patient", "select": s.Select})
		require.NoError(t, err)
		v := parse(t, string(document))
		e := v.NewEvaluator()
		for range 4 {
			resource := r.resource("Patient", 0)
			want := process(s, resource, 0)
			if len(want) > 1000 {
				continue
			}
			resource["resourceType"] = "Patient"
			text, err := json.Marshal(resource)
			require.NoError(t, err)
			total += len(want)
			for e.Reset(text); e.Next(); want = want[1:] {
				require.NotEmpty(t, want, "seed %d: %s on %s", seed, document, text)
				for i, c := range v.Columns {
					require.Equal(t, want[0][c.Name], textOf(e.Row()[i]), "seed %d: %s of %s on %s", seed, c.Name, document, text)
				}
			}
			require.NoError(t, e.Err(), "seed %d: %s on %s", seed, document, text)
			require.Empty(t, want, "seed %d: %s on %s", seed, document, text)
		}
	}
	require.Greater(t, total, 30*iterations)
}
