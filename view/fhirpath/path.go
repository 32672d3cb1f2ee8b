package fhirpath

import (
	"github.com/seed-90096f4d/sluice/jsonscan"
)

// element pushes the items of an element of each item of the operand.
func (e *Evaluator) element(n *node, f *frame) error {
	if n.left.op == opThis {
		e.children(n, &f.this)
		return e.checkItems()
	}
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	end := len(e.stack)
	for i := base; i < end; i++ {
		v := e.stack[i]
		e.children(n, &v)
		if err := e.checkItems(); err != nil {
			return err
		}
	}
	e.stack = e.stack[:base+copy(e.stack[base:], e.stack[end:])]
	return nil
}

// children pushes the items of the element of an item.
func (e *Evaluator) children(n *node, v *Value) {
	el := n.element
	if v.typ != n.typ || el == nil {
		if v.typ == nil {
			e.untypedChildren(n, v)
			return
		}
		if el = v.typ.elements[n.name]; el == nil {
			return
		}
	}
	switch {
	case v.root:
		m := e.index.find(el)
		e.pushElement(&m)
	case v.kind == Object:
		m := e.find(el, v.text)
		e.pushElement(&m)
	default:
		m := e.find(el, e.siblingOf(v))
		e.pushElement(&m)
	}
}

// siblingOf returns a text that begins with the sibling of an item; it is empty without
// one.
func (e *Evaluator) siblingOf(v *Value) []byte {
	return e.index.text[len(e.index.text)-int(v.sibling):]
}

// untypedChildren pushes the members of an object whose type is not known.
func (e *Evaluator) untypedChildren(n *node, v *Value) {
	if v.kind == Object && n.name != "" && n.name[0] != '_' {
		m := e.find(&element{name: n.name, members: []member{{n.name, nil}}}, v.text)
		e.pushElement(&m)
	}
}

// pushElement pushes the items of an element that was found in an object.
func (e *Evaluator) pushElement(m *match) {
	switch {
	case jsonscan.At(m.value, 0) == '[', len(m.value) == 0 && jsonscan.At(m.sibling, 0) == '[':
		e.pushArray(m)
	case len(m.value) > 0:
		v, ok := newValue(m.typ, m.value)
		if ok && (v.kind != Null || len(m.sibling) > 0) {
			e.pushItem(v, m.sibling)
		}
	case len(m.sibling) > 0:
		e.pushItem(Value{typ: m.typ}, m.sibling)
	}
}

// pushArray pushes the items of an array, each with its sibling. A null has the place of a
// primitive without a value.
func (e *Evaluator) pushArray(m *match) {
	values, siblings := newArray(m.value), newArray(m.sibling)
	for {
		text, more := values.next()
		sibling, siblingMore := siblings.next()
		if !more && !siblingMore || len(e.stack) > maxItems {
			return
		}
		v := Value{typ: m.typ}
		if more {
			var ok bool
			if v, ok = newValue(m.typ, text); !ok {
				return
			}
		} else if jsonscan.At(sibling, 0) != '{' {
			continue
		}
		e.pushItem(v, sibling)
	}
}

// pushItem pushes an item. A resource has the type that it states.
func (e *Evaluator) pushItem(v Value, sibling []byte) {
	if jsonscan.At(sibling, 0) == '{' {
		v.sibling = uint32(len(sibling)) // it ends with the resource
	}
	if v.typ != nil && v.typ.resource {
		v.typ = e.resourceType(v)
	}
	e.push(v)
}

// resourceType returns the type of a contained resource; nil if FHIR does not define it.
func (e *Evaluator) resourceType(v Value) *typ {
	m, ok := jsonscan.FindMember(v.text, 0, "resourceType")
	if !ok {
		return nil
	}
	name, _ := jsonscan.StringText(v.text, m.Value)
	if t := e.schema.types[string(name)]; t != nil && t.resource {
		return t
	}
	return nil
}

// filterType pushes the items of the operand that have the type of n.
func (e *Evaluator) filterType(n *node, f *frame) error {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	kept := base
	for _, v := range e.stack[base:] {
		if v.typ.isA(n.typ) {
			e.stack[kept] = v
			kept++
		}
	}
	e.stack = e.stack[:kept]
	return nil
}

// first pushes the first item of the operand.
func (e *Evaluator) first(n *node, f *frame) error {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	e.stack = e.stack[:min(base+1, len(e.stack))]
	return nil
}

// item pushes the item of the operand at an index.
func (e *Evaluator) item(n *node, f *frame) error {
	index, ok, err := e.single(n, n.right, f)
	if err != nil {
		return err
	}
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	items := e.stack[base:]
	e.stack = e.stack[:base]
	if !ok {
		return nil
	}
	i, ok := parseInteger(index.text)
	if index.class() != integerClass || !ok {
		return &DataError{Reason: "the index in [] must be an Integer"}
	}
	if i >= 0 && i < int64(len(items)) {
		e.push(items[i])
	}
	return nil
}
