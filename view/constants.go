package view

import (
	"strings"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// maxConstant is the maximum size of a constant in bytes, like that of an expression: each
// use of it can make a copy.
const maxConstant = 16 << 10

// constantTypes are the types of constants by the name of their property.
var constantTypes = map[string]string{
	"valueBase64Binary": "base64Binary", "valueBoolean": "boolean", "valueCanonical": "canonical", "valueCode": "code",
	"valueDate": "date", "valueDateTime": "dateTime", "valueDecimal": "decimal", "valueId": "id",
	"valueInstant": "instant", "valueInteger": "integer", "valueInteger64": "integer64", "valueOid": "oid",
	"valueString": "string", "valuePositiveInt": "positiveInt", "valueTime": "time", "valueUnsignedInt": "unsignedInt",
	"valueUri": "uri", "valueUrl": "url", "valueUuid": "uuid",
}

// parseConstants returns the constants of a view by name.
func (p *parser) parseConstants(root *node) map[string]fhirpath.Constant {
	constants := map[string]fhirpath.Constant{}
	for _, c := range p.objects(root, "constant") {
		p.checkProperties(c, constantProperties)
		value := p.parseConstant(c)
		name := p.requiredString(c, "name")
		if name == nil {
			continue
		}
		p.checkName(name)
		switch _, duplicate := constants[name.text]; {
		case duplicate:
			p.add(name, "duplicate constant %s", quote(name.text))
		case name.text == "rowIndex":
			p.add(name, "%%rowIndex is a variable")
		default:
			constants[name.text] = value
		}
	}
	return constants
}

// parseConstant returns the value of a constant. After a finding it is a string, so that
// the expressions with the constant can be checked.
func (p *parser) parseConstant(c *node) fhirpath.Constant {
	invalid := fhirpath.Constant{Type: "string"}
	var value *node
	for _, m := range c.members {
		if !strings.HasPrefix(m.name, "value") {
			continue
		}
		if value != nil {
			p.add(m, "only one value[x] is allowed")
			return invalid
		}
		value = m
	}
	if value == nil {
		p.add(c.missing("value"), "value[x] is required")
		return invalid
	}
	typ, known := constantTypes[value.name]
	if !known {
		p.add(value, "unsupported type of a constant")
		return invalid
	}
	if !p.checkConstant(value, typ) {
		return invalid
	}
	return fhirpath.Constant{Type: typ, Text: value.text}
}

// checkConstant reports whether a value is one of a FHIR type.
func (p *parser) checkConstant(value *node, typ string) bool {
	kind := stringNode
	switch typ {
	case "boolean":
		kind = booleanNode
	case "decimal", "integer", "positiveInt", "unsignedInt":
		kind = numberNode
	case "integer64": // a string in FHIR, but a number was published, too
		if value.kind == numberNode {
			kind = numberNode
		}
	}
	if !p.expect(value, kind) {
		return false
	}
	switch {
	case value.text == "":
		p.add(value, "must not be empty")
	case len(value.text) > maxConstant:
		p.add(value, "too long; the maximum is %d bytes, got %d", maxConstant, len(value.text))
	case !(fhirpath.Constant{Type: typ, Text: value.text}).Valid():
		p.add(value, "invalid %s %s", typ, quote(value.text))
	default:
		return true
	}
	return false
}
