package view

import (
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// family is a set of FHIR types whose values have the same form: a value of one can stand
// where a view states another.
type family uint8

const (
	complexFamily family = iota // types with elements
	booleanFamily
	numberFamily
	textFamily
	binaryFamily
	dateFamily
	timeFamily
)

// families are the families of the primitive types.
var families = map[string]family{
	"boolean": booleanFamily,
	"integer": numberFamily, "positiveInt": numberFamily, "unsignedInt": numberFamily, "integer64": numberFamily, "decimal": numberFamily,
	"string": textFamily, "code": textFamily, "id": textFamily, "markdown": textFamily, "uri": textFamily, "url": textFamily,
	"canonical": textFamily, "oid": textFamily, "uuid": textFamily, "xhtml": textFamily,
	"base64Binary": binaryFamily,
	"date":         dateFamily, "dateTime": dateFamily, "instant": dateFamily,
	"time": timeFamily,
}

// systemTypes are the FHIR types of the types of FHIRPath.
var systemTypes = map[fhirpath.Type]string{
	"System.Boolean": "boolean", "System.Integer": "integer", "System.Decimal": "decimal", "System.String": "string",
	"System.Date": "date", "System.DateTime": "dateTime", "System.Time": "time", "System.Quantity": "Quantity",
}

// derivedTypes returns the FHIR types of the items that an expression can result in; nil if
// they are not known.
func derivedTypes(x *fhirpath.Expression) (names []string) {
	for _, t := range x.Types() {
		name, ok := systemTypes[t]
		if !ok {
			name = string(t)
		}
		names = append(names, name)
	}
	return names
}

// statedPrefix is the base of the types that a view states by a relative URI.
const statedPrefix = "http://hl7.org/fhir/StructureDefinition/"

// statedType returns the name of the type that a column states, or "" after a finding.
// derived are the types of its values, if they are known.
func (p *parser) statedType(stated *node, derived []string) string {
	name := strings.TrimPrefix(stated.text, statedPrefix)
	if _, primitive := families[name]; !primitive && !p.tables.IsType(name) {
		p.add(stated, "unknown type %s", quote(stated.text))
		return ""
	}
	if derived != nil && !slices.ContainsFunc(derived, func(typ string) bool { return p.fits(typ, name) }) {
		p.add(stated, "type %s, but the path results in %s", name, strings.Join(derived, ", "))
	}
	return name
}

// fits reports whether a value of a type can be in a column whose type the view states.
func (p *parser) fits(derived, stated string) bool {
	from, to := families[derived], families[stated]
	switch {
	case derived == stated:
		return true
	case from == complexFamily && to == complexFamily:
		return p.isBase(derived, stated) || p.isBase(stated, derived)
	case to == textFamily:
		return from == textFamily || from == dateFamily || from == timeFamily || from == binaryFamily
	}
	return from == to
}

// isBase reports whether a type is built on another.
func (p *parser) isBase(base, typ string) bool {
	for typ != "" && typ != base {
		typ = p.tables.Base(typ)
	}
	return typ == base
}

// commonType returns the narrowest type for the values of two types. ok is false if no type
// fits both.
func (p *parser) commonType(a, b string) (typ string, ok bool) {
	from, to := families[a], families[b]
	switch {
	case a == b:
		return a, true
	case from != to:
		return "", false
	case from == numberFamily:
		return widerNumber(a, b), true
	case from == dateFamily:
		return "dateTime", true
	case from == textFamily:
		return "string", true
	case p.isBase(a, b):
		return a, true
	}
	return b, p.isBase(b, a)
}

// commonTypeOf returns the narrowest type for the values of all types, or "" if no type
// fits all.
func (p *parser) commonTypeOf(types []string) string {
	if len(types) == 0 {
		return ""
	}
	common := types[0]
	for _, typ := range types[1:] {
		var ok bool
		if common, ok = p.commonType(common, typ); !ok {
			return ""
		}
	}
	return common
}

// widerNumber returns the type for two different types of numbers.
func widerNumber(a, b string) string {
	for _, wide := range []string{"decimal", "integer64"} {
		if a == wide || b == wide {
			return wide
		}
	}
	return "integer"
}
