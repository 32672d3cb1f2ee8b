package fhirpath

import (
	"slices"
	"strings"
)

// name builds a step of a path: an element of the items, or the name of their type.
func (c *compiler) name(s *syntax, this static) (*node, error) {
	input, err := c.compile(s.operands[0], this)
	if err != nil {
		return nil, err
	}
	if first := s.text[:min(1, len(s.text))]; s.onFocus && "A" <= first && first <= "Z" {
		if t := c.schema.find("", s.text); t != nil {
			return typeName(t, s.text, input), nil
		}
	}
	return c.step(input, s)
}

// typeName builds a first step that is the name of a type: the focus if it has this type.
func typeName(t *typ, name string, input *node) *node {
	n := &node{op: opTypeName, name: name, static: input.static, left: input, typ: t}
	n.types = slices.DeleteFunc(slices.Clone(input.types), func(other *typ) bool { return !other.isA(t) })
	if input.untyped {
		n.types, n.untyped = []*typ{t}, false
	}
	return n
}

// step builds a step to an element.
func (c *compiler) step(input *node, s *syntax) (*node, error) {
	n := &node{op: opElement, name: s.text, left: input}
	for _, t := range input.types {
		e := t.elements[s.text]
		if e == nil {
			continue
		}
		if n.element == nil {
			n.typ, n.element = t, e
		}
		n.addTypes(e)
	}
	if n.element == nil && len(input.types) > 0 {
		return nil, c.unknownElement(input, s)
	}
	if input.untyped {
		if !c.schema.have(s.text) {
			return nil, c.unknownElement(input, s)
		}
		n.types, n.untyped = nil, true
	}
	if input.focus {
		c.read(s.text)
	}
	return n, nil
}

// addTypes adds the types of an element.
func (n *node) addTypes(e *element) {
	for _, m := range e.members {
		switch {
		case m.typ == nil || m.typ.name == "Resource":
			n.untyped = true
		case !slices.Contains(n.types, m.typ):
			n.types = append(n.types, m.typ)
		}
	}
	if n.untyped {
		n.types = nil
	}
}

// unknownElement returns the mistake of a name that no item can have.
func (c *compiler) unknownElement(input *node, s *syntax) error {
	kind := "element"
	if s.onFocus && input.op == opThis && s.text != "" && s.text[0] <= 'Z' {
		kind = "element or type"
	}
	of := ""
	if len(input.types) > 0 {
		of = " of " + input.describe()
	}
	return mistake(s.offset, "unknown %s %q%s%s", kind, s.text, of, choiceHint(input.types, s.text))
}

// choiceHint returns what to write for a name such as valueQuantity.
func choiceHint(types []*typ, key string) string {
	for _, t := range types {
		for _, e := range t.elements {
			if m := e.member([]byte(key)); m != nil {
				return ", use " + e.name + ".ofType(" + string(m.typ.name) + ")"
			}
		}
	}
	return ""
}

// typeArgument returns the type that an argument names: Quantity, FHIR.Quantity,
// System.String.
func (c *compiler) typeArgument(s *syntax) (*typ, error) {
	namespace, name := "", s.text
	if s.kind == nameSyntax && !s.onFocus {
		namespace = s.operands[0].text
		if of := s.operands[0]; of.kind != nameSyntax || !of.onFocus {
			return nil, mistake(s.offset, "the argument must be the name of a type such as Quantity or FHIR.Quantity")
		}
	}
	if s.kind != nameSyntax {
		return nil, mistake(s.offset, "the argument must be the name of a type, got %q", s.text)
	}
	t := c.schema.find(namespace, name)
	if t == nil {
		return nil, mistake(s.offset, "unknown type %q", strings.TrimPrefix(namespace+"."+name, "."))
	}
	return t, nil
}
