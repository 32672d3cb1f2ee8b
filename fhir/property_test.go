package fhir_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// generator writes the same random resource in both formats. It parses the text of the
// tables itself, so that it shares no code with the code under test.
type generator struct {
	*rand.Rand
	elements map[string][]string // of a type: lines "name[*] type..."
	base     map[string]string
	types    []string // the concrete resource types
	left     int      // how many elements the resource may still have

	// asLoaded writes extensions in FHIR on the Aidbox side, too, as AppendAidbox does.
	asLoaded bool
}

func newGenerator(tb testing.TB, seed uint64) *generator {
	tb.Helper()

	file, err := os.Open("r4.tables")
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()

	g := &generator{
		Rand:     rand.New(rand.NewPCG(seed, 1)), // a test that can be repeated
		elements: make(map[string][]string), base: make(map[string]string),
	}
	current := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || line[0] == '#':
		case line[0] == ' ':
			g.elements[current] = append(g.elements[current], line)
		default:
			current = words[1]
			if len(words) > 2 {
				g.base[current] = words[2]
			}
			if words[0] == "resource" {
				g.types = append(g.types, current)
			}
		}
	}
	return g
}

// pair is a text in Aidbox format and in FHIR.
type pair struct{ aidbox, fhir string }

func both(text string) pair { return pair{text, text} }

// join joins members or items between brackets.
func join(opening, closing string, all []pair) pair {
	aidbox, fhir := make([]string, len(all)), make([]string, len(all))
	for i, p := range all {
		aidbox[i], fhir[i] = p.aidbox, p.fhir
	}
	return pair{opening + strings.Join(aidbox, ", ") + closing, opening + strings.Join(fhir, ",") + closing}
}

// resource returns a random resource of a type.
func (g *generator) resource(name string, depth int) pair {
	members := g.members(name, depth)
	members = append(members, pair{`"resourceType": "` + name + `"`, `"resourceType":"` + name + `"`})
	return join("{", "}", members)
}

// members returns random members of a type and its base types.
func (g *generator) members(name string, depth int) []pair {
	var all []pair
	for ; name != ""; name = g.base[name] {
		for _, line := range g.elements[name] {
			words := strings.Fields(line)
			if depth > 0 && g.left > 0 && g.IntN(len(g.elements[name])) < 4 {
				g.left--
				all = append(all, g.member(words[0], words[1:], depth-1)...)
			}
		}
	}
	return all
}

// member returns a random element, sometimes with the id of a primitive.
func (g *generator) member(name string, types []string, depth int) []pair {
	code := types[g.IntN(len(types))]
	primitive := code[0] >= 'a' && code[0] <= 'z'
	name, isChoice := strings.CutSuffix(strings.TrimSuffix(name, "!"), "[x]")
	name, many := strings.CutSuffix(name, "*")
	value := g.value(code, depth)
	if many {
		value = join("[", "]", []pair{value, g.value(code, depth)})
	}
	long := name
	member := pair{fmt.Sprintf(`"%s": %s`, name, value.aidbox), fmt.Sprintf(`"%s":%s`, name, value.fhir)}
	if isChoice {
		long = name + strings.ToUpper(code[:1]) + code[1:]
		member = pair{fmt.Sprintf(`"%s": {"%s": %s}`, name, code, value.aidbox), fmt.Sprintf(`"%s":%s`, long, value.fhir)}
	}
	if primitive && !many && g.IntN(4) == 0 {
		return []pair{member, {`"_` + long + `": {"id": "x"}`, `"_` + long + `":{"id":"x"}`}}
	}
	return []pair{member}
}

// value returns a random value of a type.
func (g *generator) value(code string, depth int) pair {
	switch {
	case code == "Reference":
		return g.reference(depth)
	case code == "Resource":
		return g.resource(g.types[g.IntN(len(g.types))], depth)
	case code == "Extension" && g.asLoaded:
		return both(join("{", "}", g.members(code, depth)).fhir)
	case code[0] >= 'A' && code[0] <= 'Z':
		return join("{", "}", g.members(code, depth))
	}
	values := []string{`"x"`, `"a \"quoted\" \\ text, {with: [marks]}"`, `1.50`, `-1e3`, `true`, `""`, `"é😀"`}
	return both(values[g.IntN(len(values))])
}

// reference returns a random reference of any kind.
func (g *generator) reference(depth int) pair {
	kinds := []pair{
		{`"id": "pt-1", "resourceType": "Patient"`, `"reference":"Patient/pt-1"`},
		{`"uri": "http://example.org/fhir/Patient/1"`, `"reference":"http://example.org/fhir/Patient/1"`},
		{`"uri": "Patient/1/_history/2"`, `"reference":"Patient/1/_history/2"`},
		{`"uri": "urn:uuid:c757873d"`, `"reference":"urn:uuid:c757873d"`},
		{`"localRef": "p"`, `"reference":"#p"`},
	}
	members := []pair{kinds[g.IntN(len(kinds))], {`"display": "x"`, `"display":"x"`}}
	if depth > 0 && g.IntN(3) == 0 {
		inner := join("{", "}", g.members("Identifier", depth-1))
		members = append(members, pair{`"identifier": ` + inner.aidbox, `"identifier":` + inner.fhir})
	}
	return join("{", "}", members)
}

// TestGenerated converts random resources of every type in both directions. On the
// Aidbox side, the values of extensions are in either format.
func TestGenerated(t *testing.T) {
	t.Parallel()

	g := newGenerator(t, 7)
	require.Equal(t, fhir.R4().ResourceTypes(), g.types)
	c := fhir.NewConverter(fhir.R4(), fhir.Options{Issue: func(issue fhir.Issue) { t.Errorf("%+v", issue) }})
	for _, name := range g.types {
		for i := range 20 {
			g.left, g.asLoaded = 150, i%2 == 0
			want := g.resource(name, 6)
			got := c.AppendFHIR(nil, []byte(want.aidbox))
			require.True(t, json.Valid(got), name)
			require.Equal(t, want.fhir, string(got))
			require.Equal(t, want.fhir, string(c.AppendFHIRType(nil, name, got)), "converted twice")

			if !g.asLoaded {
				continue
			}
			back, err := c.AppendAidbox(nil, got)
			require.NoError(t, err)
			require.Equal(t, canonical(t, []byte(want.aidbox)), canonical(t, back))
		}
	}
}

// canonical returns a document with sorted keys and unchanged numbers.
func canonical(tb testing.TB, doc []byte) string {
	tb.Helper()

	decoder := json.NewDecoder(strings.NewReader(string(doc)))
	decoder.UseNumber()
	var decoded any
	require.NoError(tb, decoder.Decode(&decoded))
	text, err := json.Marshal(decoded)
	require.NoError(tb, err)
	return string(text)
}
