package main

import "strings"

// elements are the members of each type, by the type's name or the path of a
// backbone element, then by their own.
type elements map[string]map[string]*member

// A member is an element of a type.
type member struct {
	many, choice bool
	types        []string // what its values are; of a backbone element, its path
	valueSet     string   // that its codes are bound to
}

// index lists the elements of all types, inherited ones included.
func index(all []definition) elements {
	e := make(elements)
	for _, d := range all {
		e[d.Type] = make(map[string]*member)
		for _, el := range d.Snapshot.Element {
			dot := strings.LastIndexByte(el.Path, '.')
			if dot < 0 {
				continue
			}
			parent, name := el.Path[:dot], el.Path[dot+1:]
			if e[parent] == nil {
				e[parent] = make(map[string]*member)
			}
			name, choice := strings.CutSuffix(name, "[x]")
			e[parent][name] = &member{many: el.Max == "*", choice: choice, types: types(el), valueSet: el.Binding.ValueSet}
		}
	}
	return e
}

// member returns the element of that name, or nil.
func (e elements) member(typ, name string) *member { return e[typ][name] }
