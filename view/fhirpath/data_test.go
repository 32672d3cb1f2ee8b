package fhirpath_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// TestPathsOfExamples evaluates all paths of up to four steps of HL7's examples and compares
// the items with those that encoding/json finds.
func TestPathsOfExamples(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob(filepath.Join(publicData(), "r4-examples", "*.ndjson.gz"))
	if len(files) == 0 {
		t.Skip("no public data")
	}
	const mostBytes, mostLines = 50_000, 20
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			p := &paths{t: t, evaluator: fhirpath.NewEvaluator(fhir.R4()), compiled: map[string]*fhirpath.Expression{}}
			count := 0
			readLines(t, file, func(line []byte) bool {
				if len(line) > mostBytes {
					return true
				}
				p.compare(compact(t, string(line)))
				count++
				return count < mostLines
			})
		})
	}
}

// readLines calls read for each line of a compressed file until it returns false.
func readLines(tb testing.TB, path string, read func(line []byte) bool) {
	tb.Helper()
	file, err := os.Open(path)
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(tb, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<28)
	for lines.Scan() && read(lines.Bytes()) {
	}
	require.NoError(tb, lines.Err())
}

// paths compares the paths of resources of one type.
type paths struct {
	t         *testing.T
	evaluator *fhirpath.Evaluator
	compiled  map[string]*fhirpath.Expression
	resource  string
	line      []byte
}

// item is what encoding/json finds: a value, and the object that has its id and extensions.
type item struct {
	typ            string
	value, sibling any
}

func (p *paths) compare(line []byte) {
	var root map[string]any
	require.NoError(p.t, decodeNumbers(line, &root))
	p.resource, _ = root["resourceType"].(string)
	p.line = line
	if !fhir.R4().IsResourceType(p.resource) {
		return
	}
	p.evaluator.Reset(p.resource, indexed(line))
	p.walk("", []item{{typ: p.resource, value: root}}, 0)
}

// walk compares each path that begins with a path, whose items are known.
func (p *paths) walk(path string, items []item, depth int) {
	const mostSteps = 4
	for _, name := range elementNames(items) {
		found := children(items, name)
		if len(found) == 0 {
			continue
		}
		longer := strings.TrimPrefix(path+".`"+name+"`", ".")
		p.check(longer, found)
		if depth+1 < mostSteps {
			p.walk(longer, found, depth+1)
		}
	}
}

func elementNames(items []item) (names []string) {
	for _, i := range items {
		names = append(names, fhir.R4().ElementNames(i.typ)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// children returns the items of an element of each item.
func children(items []item, name string) (found []item) {
	for _, i := range items {
		object, _ := i.value.(map[string]any)
		e, ok := fhir.R4().Element(i.typ, name)
		if object == nil || !ok {
			continue
		}
		for _, typ := range e.Types {
			if name == "id" && fhir.R4().IsResourceType(i.typ) {
				typ = "id" // a string in R4's definitions
			}
			key := name
			if e.Choice {
				key += strings.ToUpper(typ[:1]) + typ[1:]
			}
			found = append(found, together(typ, object[key], object["_"+key])...)
		}
	}
	return found
}

// together returns the items of a member and its sibling.
func together(typ string, value, sibling any) (found []item) {
	values, isArray := value.([]any)
	siblings, _ := sibling.([]any)
	if !isArray && siblings == nil {
		if value == nil && sibling == nil {
			return nil
		}
		values, siblings = []any{value}, []any{sibling}
	}
	for i := range max(len(values), len(siblings)) {
		one := item{typ: typ}
		if i < len(values) {
			one.value = values[i]
		}
		if i < len(siblings) {
			one.sibling = siblings[i]
		}
		if object, ok := one.value.(map[string]any); ok && typ == "Resource" {
			one.typ, _ = object["resourceType"].(string)
		}
		if i < len(values) || one.sibling != nil {
			found = append(found, one)
		}
	}
	return found
}

// check compares the items of a path, also on a resource that has only the root elements
// that the expression states.
func (p *paths) check(path string, want []item) {
	x := p.compiled[path]
	if x == nil {
		var err error
		x, err = fhirpath.Compile(path, fhirpath.Scope{Tables: fhir.R4(), Resource: p.resource, Focus: fhirpath.Type(p.resource), AtRoot: true})
		require.NoError(p.t, err, path)
		p.compiled[path] = x
	}
	got, err := p.evaluator.Append(nil, x, p.evaluator.Root(), 0)
	require.NoError(p.t, err, path)
	require.Len(p.t, got, len(want), path)
	for i, v := range got {
		p.checkItem(path, v, want[i])
	}
}

func (p *paths) checkItem(path string, v fhirpath.Value, want item) {
	require.Equal(p.t, want.typ, string(v.Type()), path)
	text := p.evaluator.Text(v)
	switch value := want.value.(type) {
	case nil:
		require.Equal(p.t, fhirpath.Null, v.Kind(), path)
	case string:
		require.Equal(p.t, fhirpath.String, v.Kind(), path)
		require.Equal(p.t, value, string(text), path)
	case bool:
		require.Equal(p.t, fhirpath.Boolean, v.Kind(), path)
		require.Equal(p.t, value, v.IsTrue(), path)
	case json.Number:
		require.Equal(p.t, fhirpath.Number, v.Kind(), path)
		require.Equal(p.t, value.String(), string(text), path)
	default:
		require.Equal(p.t, fhirpath.Object, v.Kind(), path)
		var object any
		require.NoError(p.t, decodeNumbers(text, &object), path)
		require.Equal(p.t, value, object, path)
		require.True(p.t, bytes.Contains(p.line, text), path)
	}
}
