package fhirpath

import (
	"strings"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

const ucumSystem = "http://unitsofmeasure.org"

// quantity is the value and the unit of a Quantity.
type quantity struct {
	value        []byte // a number
	unit, system Value  // the code of the unit and its system, or the unit as text
}

// parseQuantity reads a Quantity. ok is false if it has no exact value.
func parseQuantity(text []byte) (q quantity, ok bool) {
	value, ok := memberValue(text, "value")
	if _, compared := jsonscan.FindMember(text, 0, "comparator"); compared || !ok || value.kind != Number {
		return q, false
	}
	q.value = value.text
	if code, ok := memberValue(text, "code"); ok && code.kind == String {
		q.unit = code
		q.system, _ = memberValue(text, "system")
		return q, true
	}
	q.unit, _ = memberValue(text, "unit")
	return q, true
}

// memberValue returns a member of the object that begins text.
func memberValue(text []byte, name string) (v Value, ok bool) {
	m, ok := jsonscan.FindMember(text, 0, name)
	if !ok {
		return v, false
	}
	return newValue(nil, text[m.Value:])
}

// compareQuantities compares two quantities. ok is false if they have different units: no
// unit is converted.
func (e *Evaluator) compareQuantities(a, b *Value) (order int, ok bool) {
	qa, okA := parseQuantity(a.text)
	qb, okB := parseQuantity(b.text)
	if !okA || !okB || !e.sameText(&qa.unit, &qb.unit) || !e.sameText(&qa.system, &qb.system) {
		return 0, false
	}
	return compareNumbers(qa.value, qb.value)
}

// quantityJSON returns the JSON of a Quantity literal. The unit is a code of UCUM or a
// calendar duration.
func quantityJSON(number, unit string, ucum bool) string {
	quoted := quote(unit)
	if !ucum {
		return `{"value":` + number + `,"unit":` + quoted + `}`
	}
	return `{"value":` + number + `,"unit":` + quoted + `,"system":"` + ucumSystem + `","code":` + quoted + `}`
}

// negateQuantity returns the JSON of a Quantity literal with the opposite sign.
func negateQuantity(text []byte) []byte {
	number, signed := strings.CutPrefix(string(text), `{"value":-`)
	if signed {
		return []byte(`{"value":` + number)
	}
	return []byte(strings.Replace(string(text), `{"value":`, `{"value":-`, 1))
}

// quote returns a string as JSON.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			b.WriteString(`\u00`)
			b.WriteByte("01"[r>>4])
			b.WriteByte("0123456789abcdef"[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
