package view

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

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
		values := c.prefixed("value")
		known := slices.Clone(constantProperties)
		for _, v := range values {
			known = append(known, v.name)
		}
		p.checkProperties(c, known)
		value := p.parseConstant(c, values)
		name := p.requiredString(c, "name")
		if name == nil {
			continue
		}
		p.checkName(name)
		switch _, duplicate := constants[name.text]; {
		case duplicate:
			p.add(name, "duplicate constant %q", name.text)
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
func (p *parser) parseConstant(c *node, values []*node) fhirpath.Constant {
	invalid := fhirpath.Constant{Type: "string"}
	switch len(values) {
	case 0:
		p.add(c.missing("value"), "value[x] is required")
		return invalid
	case 1:
	default:
		p.add(values[1], "only one value[x] is allowed")
		return invalid
	}
	typ, known := constantTypes[values[0].name]
	if !known {
		p.add(values[0], "unsupported type of a constant")
		return invalid
	}
	if !p.checkConstant(values[0], typ) {
		return invalid
	}
	return fhirpath.Constant{Type: typ, Text: values[0].text}
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
	if !validConstant(typ, value.text) {
		p.add(value, "invalid %s %q", typ, value.text)
		return false
	}
	return true
}

const (
	dateSyntax     = `\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?`
	timeSyntax     = `([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?`
	zoneSyntax     = `(Z|[+-](0\d|1[0-4]):[0-5]\d)`
	fullDateSyntax = `\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`
)

// constantSyntax has the syntax of the types for which FHIR defines one.
var constantSyntax = map[string]*regexp.Regexp{
	"date":     regexp.MustCompile(`^` + dateSyntax + `$`),
	"dateTime": regexp.MustCompile(`^(` + dateSyntax + `|` + fullDateSyntax + `T` + timeSyntax + zoneSyntax + `?)$`),
	"instant":  regexp.MustCompile(`^` + fullDateSyntax + `T` + timeSyntax + zoneSyntax + `$`),
	"time":     regexp.MustCompile(`^` + timeSyntax + `$`),
	"id":       regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`),
	"code":     regexp.MustCompile(`^\S+( \S+)*$`),
	"oid":      regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9]\d*))+$`),
	"uuid":     regexp.MustCompile(`^urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`),
}

// validConstant reports whether text is a value of a FHIR type.
func validConstant(typ, text string) bool {
	switch typ {
	case "integer":
		_, err := strconv.ParseInt(text, 10, 32)
		return err == nil
	case "integer64":
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	case "positiveInt", "unsignedInt":
		n, err := strconv.ParseInt(text, 10, 32)
		return err == nil && n >= 0 && (n > 0 || typ == "unsignedInt")
	case "base64Binary":
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		return text != "" && err == nil
	case "uri", "url", "canonical":
		return text != "" && !strings.ContainsAny(text, " \t\r\n")
	}
	if syntax := constantSyntax[typ]; syntax != nil {
		return syntax.MatchString(text)
	}
	return text != ""
}
