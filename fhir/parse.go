package fhir

import (
	"fmt"
	"slices"
	"strings"
)

// definition is a type as written in the text of the tables.
type definition struct {
	kind, name, base string
	elements         []element
}

type element struct {
	name      string
	many      bool
	mandatory bool
	types     []string
}

// choice returns the name of a choice element without its [x].
func (e element) choice() (string, bool) { return strings.CutSuffix(e.name, "[x]") }

// parseTables parses the text that fhir/gen writes; its header describes the format.
func parseTables(text string) (*Tables, error) {
	definitions, order, err := parseDefinitions(text)
	if err != nil {
		return nil, err
	}
	t := &Tables{
		definitions: definitions,
		types:       make(map[string]*node, len(order)),
		resources:   make(map[string]*node),
	}
	for _, name := range order {
		t.types[name] = &node{name: name, shape: shapes[name]}
		if definitions[name].kind == "resource" {
			t.resourceTypes = append(t.resourceTypes, name)
			t.resources[name] = t.types[name]
		}
	}
	slices.Sort(t.resourceTypes)

	for _, name := range order {
		fields := make(map[string]*field)
		for base := name; base != ""; base = definitions[base].base {
			d, ok := definitions[base]
			if !ok {
				return nil, fmt.Errorf("type %s: no base %s", name, base)
			}
			if err := t.addElements(fields, d); err != nil {
				return nil, err
			}
		}
		addAidboxMembers(fields, t.types[name])
		if name == "Attachment" {
			fields["url"].isURL = true
		}
		t.types[name].fields, t.types[name].members = fields, newLookup(fields)
	}
	t.sibling = &field{name: "Element", many: true, node: t.types["Element"]}
	t.custom = &node{name: "Resource", members: t.types["Resource"].members}
	return t, nil
}

// shapes are the types that need more than the conversion of their members.
var shapes = map[string]shape{
	"Extension": extension,
	"Meta":      metadata,
	"Reference": reference,
	"Resource":  resource,
}

// addAidboxMembers adds the members that only the Aidbox format has, and marks those
// that are held back until the end of the object.
func addAidboxMembers(fields map[string]*field, n *node) {
	switch n.shape {
	case reference:
		for _, name := range []string{"id", "resource", "resourceType", "uri", "localRef", "reference", "type"} {
			fields[name] = &field{name: name, action: [2]action{toFHIR: hold}}
		}
		fields["reference"].action[toAidbox] = hold
		for _, name := range []string{"id", "resource", "resourceType", "uri", "localRef"} {
			fields[name].action[toAidbox] = claim
		}
	case metadata:
		fields["createdAt"] = &field{
			name: "createdAt", action: [2]action{hold, claim},
			extended: &extended{value: &field{name: "valueInstant"}},
		}
		fields["extension"].action = [2]action{claim, extract}
	}
}

// addElements adds the fields of one definition. No type has an element with the same
// name as one of its base.
func (t *Tables) addElements(fields map[string]*field, d definition) error {
	add := func(name string, f *field) *field {
		f.name, fields[name] = name, f
		return f
	}
	for _, e := range d.elements {
		base, isChoice := e.choice()
		if !isChoice {
			n, err := t.lookupType(d, e.types[0])
			if err != nil {
				return err
			}
			add(e.name, &field{many: e.many, mandatory: e.mandatory, node: n})
			continue
		}
		options := make(map[string]*field, len(e.types))
		value := add(base, &field{mandatory: e.mandatory, action: [2]action{unfold, claim}})
		for _, name := range e.types {
			n, err := t.lookupType(d, name)
			if err != nil {
				return err
			}
			options[name] = add(base+strings.ToUpper(name[:1])+name[1:],
				&field{node: n, choice: value, option: name, action: [2]action{claim, fold}})
		}
		l := newLookup(options)
		value.options = &l
	}
	return nil
}

// lookupType returns the node of a type, nil for a primitive.
func (t *Tables) lookupType(d definition, name string) (*node, error) {
	n, ok := t.types[name]
	if !ok && (name[0] < 'a' || name[0] > 'z') {
		return nil, fmt.Errorf("type %s: no type %s", d.name, name)
	}
	return n, nil
}

// parseDefinitions returns the definitions in the text by name, and their names in
// the order of the text.
func parseDefinitions(text string) (map[string]definition, []string, error) {
	definitions := make(map[string]definition)
	var order []string
	var current definition
	for number, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || line[0] == '#':
			continue
		case len(words) < 2 || line[0] == ' ' && current.name == "":
			return nil, nil, fmt.Errorf("line %d: %q", number+1, line)
		case line[0] != ' ':
			current = definition{kind: words[0], name: words[1]}
			if len(words) > 2 {
				current.base = words[2]
			}
			order = append(order, current.name)
		default:
			name, mandatory := strings.CutSuffix(words[0], "!")
			name, many := strings.CutSuffix(name, "*")
			current.elements = append(current.elements, element{name, many, mandatory, words[1:]})
		}
		definitions[current.name] = current
	}
	return definitions, order, nil
}
