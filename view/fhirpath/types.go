package fhirpath

import (
	"strings"
	"sync"

	"github.com/seed-90096f4d/sluice/fhir"
)

// class is the type of FHIRPath that values of a FHIR type act as.
type class uint8

const (
	complexClass class = iota // none: values have elements
	booleanClass
	stringClass
	integerClass
	decimalClass
	dateClass
	dateTimeClass
	timeClass
	quantityClass
)

// comparable reports whether values of two classes have an order.
func (c class) comparable(other class) bool {
	return c.family() == other.family() && c != complexClass && c != booleanClass
}

// family returns the same class for classes that convert to each other.
func (c class) family() class {
	switch c {
	case integerClass:
		return decimalClass
	case dateClass:
		return dateTimeClass
	}
	return c
}

func (c class) isNumber() bool { return c == integerClass || c == decimalClass }

// typ is a type. There is one for each type of a schema, so that types are compared by
// their addresses.
type typ struct {
	name     Type
	class    class
	base     *typ
	elements map[string]*element // also those of its bases
	resource bool                // a type of resources, also an abstract one
}

// element is an element of a type.
type element struct {
	name    string
	members []member           // of a choice: one for each of its types
	key     string             // of the only member
	byKey   map[string]*member // the same, if there are many
}

// member is a member of a JSON object that an element is stored in.
type member struct {
	key string // name, valueQuantity
	typ *typ
}

// isA reports whether the type is another, or built on it.
func (t *typ) isA(other *typ) bool {
	for ; t != nil; t = t.base {
		if t == other {
			return true
		}
	}
	return false
}

// isPrimitive reports whether values of a FHIR type can have a sibling with their id and
// extensions.
func (t *typ) isPrimitive() bool { return t.class != complexClass && t.class != quantityClass }

// The types of FHIRPath. Literals and results have them.
var (
	systemBoolean  = &typ{name: "System.Boolean", class: booleanClass}
	systemString   = &typ{name: "System.String", class: stringClass}
	systemInteger  = &typ{name: "System.Integer", class: integerClass}
	systemDecimal  = &typ{name: "System.Decimal", class: decimalClass}
	systemDate     = &typ{name: "System.Date", class: dateClass}
	systemDateTime = &typ{name: "System.DateTime", class: dateTimeClass}
	systemTime     = &typ{name: "System.Time", class: timeClass}
	systemQuantity = &typ{name: "System.Quantity", class: quantityClass}
)

var systemTypes = []*typ{
	systemBoolean, systemString, systemInteger, systemDecimal,
	systemDate, systemDateTime, systemTime, systemQuantity,
}

// systemOf returns the type of FHIRPath with this class.
func systemOf(c class) *typ {
	for _, t := range systemTypes {
		if t.class == c {
			return t
		}
	}
	return nil
}

// primitives are the primitive types of FHIR, each after the one that it is built on.
var primitives = []struct {
	name, base string
	class      class
}{
	{"boolean", "", booleanClass},
	{"string", "", stringClass},
	{"code", "string", stringClass},
	{"id", "string", stringClass},
	{"markdown", "string", stringClass},
	{"uri", "", stringClass},
	{"url", "uri", stringClass},
	{"canonical", "uri", stringClass},
	{"oid", "uri", stringClass},
	{"uuid", "uri", stringClass},
	{"base64Binary", "", stringClass},
	{"xhtml", "", stringClass},
	{"integer", "", integerClass},
	{"positiveInt", "integer", integerClass},
	{"unsignedInt", "integer", integerClass},
	{"integer64", "", integerClass},
	{"decimal", "", decimalClass},
	{"date", "", dateClass},
	{"dateTime", "", dateTimeClass},
	{"instant", "", dateTimeClass},
	{"time", "", timeClass},
}

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
	e := &element{name: defined.Name}
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
	if len(e.members) == 1 {
		e.key = e.members[0].key
	}
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
	narrow := &element{name: e.name}
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

// completePrimitives gives the primitive types the elements of their siblings.
func (s *schema) completePrimitives() {
	for _, p := range primitives {
		t := s.types[p.name]
		t.elements = map[string]*element{
			"id":        {name: "id", members: []member{{"id", s.types["string"]}}},
			"extension": {name: "extension", members: []member{{"extension", s.extension}}},
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
