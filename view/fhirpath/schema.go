package fhirpath

import (
	"strings"
	"sync"

	"github.com/seed-90096f4d/sluice/fhir"
)

// schema has the types of element tables with links between them.
type schema struct {
	types     map[string]*typ
	extension *typ
	integer64 *typ
	dateTime  *typ
}

// schemas are built once for each version of FHIR, by *fhir.Tables.
var schemas sync.Map

// schemaOf returns the schema of element tables.
func schemaOf(tables *fhir.Tables) *schema {
	if s, ok := schemas.Load(tables); ok {
		return s.(*schema)
	}
	s, _ := schemas.LoadOrStore(tables, newSchema(tables))
	return s.(*schema)
}

func newSchema(tables *fhir.Tables) *schema {
	s := &schema{types: map[string]*typ{}}
	for _, p := range primitives {
		s.types[p.name] = &typ{name: Type(p.name), class: p.class, base: s.types[p.base]}
	}
	names := tables.TypeNames()
	for _, name := range names {
		s.types[name] = &typ{name: Type(name)}
	}
	for _, name := range names {
		t := s.types[name]
		t.base = s.types[tables.Base(name)]
		t.resource = isResource(tables, name)
		t.elements = s.elementsOf(tables, name)
	}
	s.extension, s.integer64, s.dateTime = s.types["Extension"], s.types["integer64"], s.types["dateTime"]
	s.completeQuantities()
	s.completePrimitives()
	return s
}

// isResource reports whether a type is a type of resources, also an abstract one.
func isResource(tables *fhir.Tables, name string) bool {
	for name != "" && name != "Resource" {
		name = tables.Base(name)
	}
	return name != ""
}

// elementsOf returns the elements of a type by name.
func (s *schema) elementsOf(tables *fhir.Tables, name string) map[string]*element {
	elements := map[string]*element{}
	for _, elementName := range tables.ElementNames(name) {
		e, _ := tables.Element(name, elementName)
		elements[elementName] = s.element(e)
	}
	if id := elements["id"]; id != nil && isResource(tables, name) {
		id.members[0].typ = s.types["id"] // a string in R4's definitions
	}
	return elements
}

func (s *schema) element(defined fhir.Element) *element {
	e := &element{name: defined.Name, many: defined.Many}
	for _, name := range defined.Types {
		key := defined.Name
		if defined.Choice {
			key += strings.ToUpper(name[:1]) + name[1:]
		}
		e.members = append(e.members, member{key, s.types[name]})
	}
	e.index()
	return e
}

// index makes the members of an element with many types quick to find.
func (e *element) index() {
	if len(e.members) <= 4 {
		return
	}
	e.byKey = make(map[string]*member, len(e.members))
	for i := range e.members {
		e.byKey[e.members[i].key] = &e.members[i]
	}
}

// only returns the element with the members of one type.
func (e *element) only(t *typ) *element {
	narrow := &element{name: e.name, many: e.many}
	for _, m := range e.members {
		if m.typ != nil && (m.typ.isA(t) || m.typ.resource && t.resource) {
			narrow.members = append(narrow.members, m)
		}
	}
	narrow.index()
	return narrow
}

// completeQuantities marks Quantity and the types built on it.
func (s *schema) completeQuantities() {
	for _, t := range s.types {
		if t.isA(s.types["Quantity"]) {
			t.class = quantityClass
		}
	}
}

// completePrimitives gives the primitive types the elements of their siblings and value.
func (s *schema) completePrimitives() {
	for _, p := range primitives {
		t := s.types[p.name]
		t.elements = map[string]*element{
			"id":        {name: "id", members: []member{{"id", s.types["string"]}}},
			"extension": {name: "extension", many: true, members: []member{{"extension", s.extension}}},
			"value":     {name: "value", members: []member{{"value", systemOf(t.class)}}},
		}
	}
}

// find returns the type of a name, which may have the namespace FHIR or System. A name
// without one is of FHIR if FHIR has it.
func (s *schema) find(namespace, name string) *typ {
	if namespace == "" || namespace == "FHIR" {
		if t := s.types[name]; t != nil {
			return t
		}
	}
	if namespace == "" || namespace == "System" {
		for _, t := range systemTypes {
			if string(t.name) == "System."+name {
				return t
			}
		}
	}
	return nil
}

// have reports whether any type has an element of this name.
func (s *schema) have(name string) bool {
	for _, t := range s.types {
		if t.elements[name] != nil {
			return true
		}
	}
	return false
}
