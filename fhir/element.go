package fhir

import (
	"maps"
	"slices"
	"strings"
)

// Element is an element of a type as FHIR defines it.
type Element struct {
	// Name is the name of the element; of a choice element without its [x].
	Name string

	// Many reports whether the element repeats.
	Many bool

	// Types are the names of its type, or of all types of a choice: HumanName,
	// dateTime, Observation.component. Resource stands for any resource type.
	Types []string

	// Choice reports whether it is a choice element.
	Choice bool
}

// Element returns an element of a type by its name, also if a base of the type defines
// it. ok is false if there is no such element: a choice element has the name value, but
// not valueQuantity.
func (t *Tables) Element(typeName, name string) (e Element, ok bool) {
	for d, found := t.definitions[typeName]; found; d, found = t.definitions[d.base] {
		for _, defined := range d.elements {
			base, choice := defined.choice()
			if base == name {
				return Element{Name: base, Many: defined.many, Types: slices.Clone(defined.types), Choice: choice}, true
			}
		}
	}
	return Element{}, false
}

// ElementNames returns the names of all elements of a type, sorted.
func (t *Tables) ElementNames(typeName string) (names []string) {
	for d, found := t.definitions[typeName]; found; d, found = t.definitions[d.base] {
		for _, defined := range d.elements {
			names = append(names, strings.TrimSuffix(defined.name, "[x]"))
		}
	}
	slices.Sort(names)
	return names
}

// IsType reports whether FHIR defines a type with objects as values: a resource type, a
// data type, or a component such as Observation.component. Primitives are not among them.
func (t *Tables) IsType(name string) bool {
	_, ok := t.definitions[name]
	return ok
}

// Base returns the type that a type is built on: DomainResource for Patient; empty if
// there is none.
func (t *Tables) Base(name string) string { return t.definitions[name].base }

// TypeNames returns the names of all types whose values are objects, sorted.
func (t *Tables) TypeNames() []string { return slices.Sorted(maps.Keys(t.definitions)) }
