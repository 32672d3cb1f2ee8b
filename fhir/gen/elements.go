package main

import "strings"

// elements are the members of each type, by the name of the type or the path of a backbone
// element, and by the name of the member.
type elements map[string]map[string]*member

// member is an element of a type.
type member struct {
	many, choice bool
	types        []string // of its values; for a backbone element, its path
	valueSet     string   // to which its codes are bound
}

// index returns the elements of all types, including inherited ones.
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

// member returns the element with this name, or nil.
func (e elements) member(typ, name string) *member { return e[typ][name] }
