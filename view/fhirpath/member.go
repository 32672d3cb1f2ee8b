package fhirpath

import (
	"github.com/seed-90096f4d/sluice/jsonscan"
)

// match is an element that was found in an object. value and sibling begin with the JSON
// of the element and of its _x member; each is empty if it is missing.
type match struct {
	typ            *typ
	value, sibling []byte
}

// find returns the element of the object that begins text. The first member of a name
// counts.
func find(el *element, text []byte) (m match) {
	if jsonscan.At(text, 0) != '{' {
		return m
	}
	for i := 1; ; i++ {
		i = jsonscan.SkipSpace(text, i)
		next, ok := jsonscan.NextMember(text, i)
		if !ok {
			return m
		}
		if m.add(el, next.Name(text), text[next.Value:]) {
			return m
		}
		i = jsonscan.SkipSpace(text, jsonscan.ValueEnd(text, next.Value))
		if jsonscan.At(text, i) != ',' {
			return m
		}
	}
}

// add adds a member of an object if it belongs to the element. complete reports that
// nothing is missing.
func (m *match) add(el *element, key, value []byte) (complete bool) {
	underscore := len(key) > 0 && key[0] == '_'
	if underscore {
		key = key[1:]
	}
	found := el.member(key)
	switch {
	case found == nil || m.typ != nil && m.typ != found.typ:
		return false
	case underscore && found.typ != nil && !found.typ.isPrimitive():
		return false
	case underscore && m.sibling == nil:
		m.sibling = value
	case !underscore && m.value == nil:
		m.value = value
	}
	m.typ = found.typ
	return m.value != nil && (m.sibling != nil || m.typ != nil && !m.typ.isPrimitive())
}

// member returns the member of an element with this key, or nil.
func (el *element) member(key []byte) *member {
	if el.byKey != nil {
		if len(key) > len(el.name) && string(key[:len(el.name)]) == el.name {
			return el.byKey[string(key)]
		}
		return nil
	}
	for i := range el.members {
		if el.members[i].key == string(key) {
			return &el.members[i]
		}
	}
	return nil
}

// rootIndex has the members of the resource, so that not every path scans it.
type rootIndex struct {
	text    []byte
	members []jsonscan.Member
}

// reset indexes the members of a resource.
func (x *rootIndex) reset(resource []byte) {
	x.text, x.members = resource, x.members[:0]
	if jsonscan.At(resource, 0) != '{' {
		return
	}
	for i := 1; ; i++ {
		i = jsonscan.SkipSpace(resource, i)
		m, ok := jsonscan.NextMember(resource, i)
		if !ok {
			return
		}
		x.members = append(x.members, m)
		i = jsonscan.SkipSpace(resource, jsonscan.ValueEnd(resource, m.Value))
		if jsonscan.At(resource, i) != ',' {
			return
		}
	}
}

// find returns the element of the resource.
func (x *rootIndex) find(el *element) (m match) {
	for i := range x.members {
		next := &x.members[i]
		if m.add(el, next.Name(x.text), x.text[next.Value:]) {
			return m
		}
	}
	return m
}

// array walks over the items of a JSON array.
type array struct {
	text []byte
	at   int
}

// newArray returns the items of the array that begins text; none if it is no array.
func newArray(text []byte) array {
	if jsonscan.At(text, 0) != '[' {
		return array{}
	}
	return array{text, jsonscan.SkipSpace(text, 1)}
}

// next returns a text that begins with the next item. more is false after the last.
func (a *array) next() (item []byte, more bool) {
	if a.at >= len(a.text) || a.text[a.at] == ']' {
		return nil, false
	}
	item = a.text[a.at:]
	a.at = jsonscan.SkipSpace(a.text, jsonscan.ValueEnd(a.text, a.at))
	if jsonscan.At(a.text, a.at) == ',' {
		a.at = jsonscan.SkipSpace(a.text, a.at+1)
		return item, true
	}
	a.text = nil // the last item
	return item, true
}
