package fhirpath_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// publicData returns the folder of public FHIR data, which is too large for the
// repository: SLUICE_TEST_DATA, or a folder next to the repository.
func publicData() string {
	return cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "..", "shared", "data"))
}

type suite struct {
	Resources []json.RawMessage
	Tests     []struct {
		Title       string
		View        json.RawMessage
		Expect      []map[string]any
		ExpectError bool
	}
}

type viewJSON struct {
	Resource string
	Constant []map[string]any
	Where    []struct{ Path string }
	Select   []selection
}

type selection struct {
	ForEach, ForEachOrNull *string
	Repeat                 []string
	Column                 []struct {
		Name, Path string
		Collection bool
	}
	Select, UnionAll []selection
}

// TestSharedSuite evaluates the views of the shared tests of SQL on FHIR with the algorithm
// of the guide, in its simplest form. Errors are those of Compile and Append, of several
// values in a column, and of the JSON of the views.
func TestSharedSuite(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob(filepath.Join(publicData(), "sql-on-fhir-tests", "*.json"))
	if len(files) == 0 {
		t.Skip("no shared tests")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var s suite
		require.NoError(t, decodeNumbers(text, &s))
		for _, test := range s.Tests {
			name := strings.TrimSuffix(filepath.Base(file), ".json") + "/" + test.Title
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if name == "union/column mismatch" || name == "union/column order mismatch" {
					t.Skip("package view checks columns")
				}
				rows, err := runView(s.Resources, test.View)
				if test.ExpectError {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				if test.Expect != nil {
					require.ElementsMatch(t, texts(test.Expect), texts(rows))
				}
			})
		}
	}
}

func decodeNumbers(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// texts prints rows so that equal numbers have equal texts.
func texts(rows []map[string]any) (all []string) {
	for _, row := range rows {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(row)) {
			value := row[name]
			if number, ok := value.(json.Number); ok {
				value, _ = number.Float64()
			}
			text, _ := json.Marshal(value)
			fmt.Fprintf(&b, "%s=%s ", name, text)
		}
		all = append(all, b.String())
	}
	return all
}

// runner evaluates one view.
type runner struct {
	scope    fhirpath.Scope
	evaluate *fhirpath.Evaluator
}

func runView(resources []json.RawMessage, view []byte) (rows []map[string]any, err error) {
	var v viewJSON
	if err := decodeNumbers(view, &v); err != nil {
		return nil, err
	}
	if v.Resource == "" || len(v.Select) == 0 {
		return nil, errors.New("no resource or select")
	}
	r := &runner{
		scope: fhirpath.Scope{
			Tables: fhir.R4(), Resource: v.Resource, Focus: fhirpath.Type(v.Resource), AtRoot: true,
			Constants: map[string]fhirpath.Constant{},
		},
		evaluate: fhirpath.NewEvaluator(fhir.R4()),
	}
	for _, c := range v.Constant {
		for key, value := range c {
			if kind, ok := strings.CutPrefix(key, "value"); ok {
				kind = strings.ToLower(kind[:1]) + kind[1:]
				r.scope.Constants[c["name"].(string)] = fhirpath.Constant{Type: kind, Text: fmt.Sprint(value)}
			}
		}
	}
	for _, resource := range resources {
		var compact bytes.Buffer
		if err := json.Compact(&compact, resource); err != nil {
			return nil, err
		}
		more, err := r.resource(&v, compact.Bytes())
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

func (r *runner) resource(v *viewJSON, text []byte) ([]map[string]any, error) {
	var head struct{ ResourceType string }
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	matches := head.ResourceType == v.Resource
	r.evaluate.Reset(v.Resource, indexed(text))
	for _, w := range v.Where {
		x, err := fhirpath.Compile(w.Path, r.scope)
		if err != nil {
			return nil, err
		}
		if t := x.Type(); t != "" && t != "boolean" && t != "System.Boolean" {
			return nil, errors.New("not boolean")
		}
		items, err := r.evaluate.Append(nil, x, r.evaluate.Root(), 0)
		if err != nil {
			return nil, err
		}
		matches = matches && len(items) == 1 && items[0].IsTrue()
	}
	rows := []map[string]any{{}}
	for _, s := range v.Select {
		part, err := r.selection(s, r.scope, r.evaluate.Root(), 0)
		if err != nil {
			return nil, err
		}
		rows = product(rows, part)
	}
	if !matches {
		return nil, nil
	}
	return rows, nil
}

func product(left, right []map[string]any) (rows []map[string]any) {
	for _, a := range left {
		for _, b := range right {
			row := maps.Clone(a)
			maps.Copy(row, b)
			rows = append(rows, row)
		}
	}
	return rows
}

func (r *runner) selection(s selection, scope fhirpath.Scope, focus fhirpath.Value, rowIndex int) (rows []map[string]any, err error) {
	foci, scope, err := r.foci(s, scope, focus)
	if err != nil {
		return nil, err
	}
	iterates := s.ForEach != nil || s.ForEachOrNull != nil || s.Repeat != nil
	for i, f := range foci {
		if iterates {
			rowIndex = i
		}
		more, err := r.rows(s, scope, f, rowIndex, false)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	if len(foci) == 0 && s.ForEachOrNull != nil {
		return r.rows(s, scope, fhirpath.Value{}, 0, true)
	}
	return rows, nil
}

func (r *runner) foci(s selection, scope fhirpath.Scope, focus fhirpath.Value) ([]fhirpath.Value, fhirpath.Scope, error) {
	if s.Repeat != nil {
		below := scope
		below.Focus = ""
		foci, err := r.traverse(s.Repeat, below, focus)
		return foci, below, err
	}
	path := cmp.Or(s.ForEach, s.ForEachOrNull)
	if path == nil {
		return []fhirpath.Value{focus}, scope, nil
	}
	x, err := fhirpath.Compile(*path, scope)
	if err != nil {
		return nil, scope, err
	}
	foci, err := r.evaluate.Append(nil, x, focus, 0)
	scope.Focus, scope.OtherFoci, scope.AtRoot = "", nil, false
	if types := x.Types(); len(types) > 0 {
		scope.Focus, scope.OtherFoci = types[0], types[1:]
	}
	return foci, scope, err
}

func (r *runner) traverse(paths []string, scope fhirpath.Scope, focus fhirpath.Value) (foci []fhirpath.Value, err error) {
	for _, path := range paths {
		x, err := fhirpath.Compile(path, scope)
		if err != nil {
			return nil, err
		}
		children, err := r.evaluate.Append(nil, x, focus, 0)
		if err != nil {
			return nil, err
		}
		for _, child := range children {
			below, err := r.traverse(paths, scope, child)
			if err != nil {
				return nil, err
			}
			foci = append(append(foci, child), below...)
		}
	}
	return foci, nil
}

// rows returns the rows of a focus, or one row of nulls.
func (r *runner) rows(s selection, scope fhirpath.Scope, f fhirpath.Value, rowIndex int, null bool) ([]map[string]any, error) {
	row := map[string]any{}
	for _, c := range s.Column {
		x, err := fhirpath.Compile(c.Path, scope)
		if err != nil {
			return nil, err
		}
		row[c.Name] = nil
		if null && !x.IsRowIndex() {
			continue
		}
		items, err := r.evaluate.Append(nil, x, f, rowIndex)
		if err != nil {
			return nil, err
		}
		switch {
		case c.Collection:
			row[c.Name] = r.list(items)
		case len(items) > 1:
			return nil, errors.New("multiple values")
		case len(items) == 1:
			row[c.Name] = r.cell(items[0])
		}
	}
	rows := []map[string]any{row}
	for _, nested := range s.Select {
		part, err := r.nested(nested, scope, f, rowIndex, null)
		if err != nil {
			return nil, err
		}
		rows = product(rows, part)
	}
	var union []map[string]any
	for _, branch := range s.UnionAll {
		part, err := r.nested(branch, scope, f, rowIndex, null)
		if err != nil {
			return nil, err
		}
		union = append(union, part...)
		if null {
			break
		}
	}
	if s.UnionAll != nil {
		rows = product(rows, union)
	}
	return rows, nil
}

func (r *runner) nested(s selection, scope fhirpath.Scope, f fhirpath.Value, rowIndex int, null bool) ([]map[string]any, error) {
	if null {
		_, scope, err := r.foci(s, scope, f)
		if err != nil {
			return nil, err
		}
		return r.rows(s, scope, f, 0, true)
	}
	return r.selection(s, scope, f, rowIndex)
}

func (r *runner) list(items []fhirpath.Value) []any {
	list := []any{}
	for _, v := range items {
		list = append(list, r.cell(v))
	}
	return list
}

func (r *runner) cell(v fhirpath.Value) any {
	text := string(r.evaluate.Text(v))
	switch v.Kind() {
	case fhirpath.Null:
		return nil
	case fhirpath.Boolean:
		return v.IsTrue()
	case fhirpath.String:
		return text
	case fhirpath.Number:
		return json.Number(text)
	}
	return json.RawMessage(text)
}
