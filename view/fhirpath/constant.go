package fhirpath

import (
	"encoding/base64"
	"math"
	"regexp"
	"strings"
)

// Constant is a value of a FHIR type.
type Constant struct {
	Type string // code, decimal, dateTime
	Text string // of the value: decoded if it is a string
}

// constantSyntax has the syntax of the types for which FHIR defines one.
var constantSyntax = map[string]*regexp.Regexp{
	"id":        regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`),
	"code":      regexp.MustCompile(`^\S+( \S+)*$`),
	"oid":       regexp.MustCompile(`^urn:oid:[0-2](\.(0|[1-9]\d*))+$`),
	"uuid":      regexp.MustCompile(`^urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`),
	"uri":       regexp.MustCompile(`^[^ \t\r\n]+$`),
	"url":       regexp.MustCompile(`^[^ \t\r\n]+$`),
	"canonical": regexp.MustCompile(`^[^ \t\r\n]+$`),
}

// Valid reports whether the text is a value of the type, in the form that it has in a
// resource: a time has seconds.
func (c Constant) Valid() bool {
	var t temporal
	text := []byte(c.Text)
	switch c.Type {
	case "boolean":
		return c.Text == "true" || c.Text == "false"
	case "decimal":
		return isNumber(text)
	case "integer", "integer64", "positiveInt", "unsignedInt":
		return validInteger(c.Type, text)
	case "date":
		return t.parseDateTime(text) && t.to <= hour
	case "dateTime":
		return t.parseDateTime(text) && (t.to <= hour || t.to > second)
	case "instant":
		return t.parseDateTime(text) && t.to > second && t.zoned
	case "time":
		return t.parseTime(text) && t.to > second
	case "base64Binary":
		_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Text), ""))
		return err == nil
	}
	syntax := constantSyntax[c.Type]
	return syntax == nil || syntax.MatchString(c.Text)
}

// validInteger reports whether text is in the range of a type of integers.
func validInteger(kind string, text []byte) bool {
	n, ok := parseInteger(text)
	lowest, highest := int64(math.MinInt32), int64(math.MaxInt32)
	switch kind {
	case "integer64":
		lowest, highest = math.MinInt64, math.MaxInt64
	case "positiveInt":
		lowest = 1
	case "unsignedInt":
		lowest = 0
	}
	return ok && lowest <= n && n <= highest
}

// constantValue returns the value of a constant. ok is false if the text is no value of
// its type.
func (c *compiler) constantValue(constant Constant) (v Value, ok bool) {
	t := c.schema.types[constant.Type]
	if t == nil || !t.isPrimitive() || !constant.Valid() {
		return Value{}, false
	}
	v = Value{typ: t, text: []byte(constant.Text), kind: String, decoded: true}
	switch t.class {
	case booleanClass:
		v.kind = Boolean
	case integerClass, decimalClass:
		v.kind = Number
	}
	return v, true
}
