package fhirpath

import (
	"bytes"

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
func (e *Evaluator) find(el *element, text []byte) (m match) {
	for next := newMembers(text); next.advance(); {
		key := text[next.key:next.keyEnd]
		if el.key != "" && string(key) != el.key && !e.index.siblings {
			continue
		}
		if m.add(el, key, text[next.value:], e.index.siblings) {
			return m
		}
	}
	return m
}

// position is where a member of an object is.
type position struct {
	key, keyEnd int // between the quotes
	value       int
}

// members walks over the members of a JSON object without white space.
type members struct {
	text []byte
	position
	first bool
}

func newMembers(text []byte) members { return members{text: text, first: true} }

// advance moves to the next member. It reports whether there is one.
func (m *members) advance() bool {
	i := 0
	if m.first {
		m.first = false
		if jsonscan.At(m.text, 0) != '{' {
			return false
		}
	} else if i = jsonscan.ValueEnd(m.text, m.value); jsonscan.At(m.text, i) != ',' {
		return false
	}
	if i++; jsonscan.At(m.text, i) != '"' {
		return false
	}
	end := jsonscan.StringEnd(m.text, i)
	m.key, m.keyEnd, m.value = i+1, end-1, end+1
	return jsonscan.At(m.text, end) == ':' && m.key <= m.keyEnd
}

// add adds a member of an object if it belongs to the element. complete reports that
// nothing is missing. siblings reports that there can be one.
func (m *match) add(el *element, key, value []byte, siblings bool) (complete bool) {
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
	return m.value != nil && (!siblings || m.sibling != nil || m.typ != nil && !m.typ.isPrimitive())
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

// Index has the members of a resource, so that not every path scans it. Several evaluators
// can use it. The zero value is an index of nothing.
type Index struct {
	text     []byte
	members  []position
	siblings bool // the resource can have _x members
}

// keptMembers is how many members an index keeps memory for.
const keptMembers = 1 << 10

// Reset sets the resource, which is FHIR JSON without white space between tokens. It must not
// change until the next call.
func (x *Index) Reset(resource []byte) {
	if x.text, x.members = resource, x.members[:0]; cap(x.members) > keptMembers {
		x.members = nil
	}
	for next := newMembers(resource); next.advance(); {
		x.members = append(x.members, next.position)
	}
	x.siblings = hasSiblings(resource)
}

// ResourceType returns the resourceType that the resource itself states; nil without one.
func (x *Index) ResourceType() []byte {
	for _, m := range x.members {
		if string(x.text[m.key:m.keyEnd]) == "resourceType" {
			name, _ := jsonscan.StringText(x.text, m.value)
			return name
		}
	}
	return nil
}

// hasSiblings reports whether a string of the resource begins with an underscore, as the
// names of siblings do.
func hasSiblings(resource []byte) bool {
	for {
		i := bytes.IndexByte(resource, '_')
		if i < 0 {
			return false
		}
		if i > 0 && resource[i-1] == '"' {
			return true
		}
		resource = resource[i+1:]
	}
}

// find returns the element of the resource.
func (x *Index) find(el *element) (m match) {
	for i := range x.members {
		next := &x.members[i]
		key := x.text[next.key:next.keyEnd]
		if el.key != "" && string(key) != el.key && !x.siblings {
			continue
		}
		if m.add(el, key, x.text[next.value:], x.siblings) {
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
	return array{text, 1}
}

// next returns a text that begins with the next item. more is false after the last.
func (a *array) next() (item []byte, more bool) {
	if a.at >= len(a.text) || a.text[a.at] == ']' {
		return nil, false
	}
	item = a.text[a.at:]
	if a.at = jsonscan.ValueEnd(a.text, a.at); jsonscan.At(a.text, a.at) == ',' {
		a.at++
		return item, true
	}
	a.text = nil // the last item
	return item, true
}
