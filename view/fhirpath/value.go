package fhirpath

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// Kind is what the value of an item is.
type Kind uint8

// The kinds of values.
const (
	Null    Kind = iota // a primitive without a value: it has only an id or extensions
	Boolean             // Evaluator.Text is true or false
	Number              // Evaluator.Text is a JSON number as stored
	String              // Evaluator.Text is the decoded string
	Object              // Evaluator.Text is the JSON of an object
)

// Value is an item of a collection. Its bytes belong to the resource, the expression or
// the evaluator, and are valid until the evaluator is reset or released.
type Value struct {
	typ *typ // nil if it is not known

	// text is the value. Of a string it is what is between the quotes. An object begins
	// it; what follows the object is not part of it.
	text []byte

	// sibling is where the object with the id and extensions of a primitive begins: its
	// distance from the end of the resource; 0 without one.
	sibling uint32

	kind    Kind
	decoded bool // text of a string has no escape sequences
	root    bool // the resource

	// An array keeps a Value out of registers. Their stores, one for each field, make the
	// wide loads of the next copy wait: a row of a product took 12 % longer.
	_ [2]byte
}

// Type returns the type of the item: of an element of a choice the type it has in this
// resource. It is empty if FHIR does not define it.
func (v Value) Type() Type {
	if v.typ == nil {
		return ""
	}
	return v.typ.name
}

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return v.kind }

// IsTrue reports whether the value is the Boolean true.
func (v Value) IsTrue() bool { return v.kind == Boolean && len(v.text) > 0 && v.text[0] == 't' }

// class returns the class that the value acts as. It follows from the type, unless the JSON
// contradicts it.
func (v *Value) class() class {
	declared := complexClass
	if v.typ != nil {
		declared = v.typ.class
	}
	switch v.kind {
	case Boolean:
		return booleanClass
	case Number:
		if declared.isNumber() {
			return declared
		}
		if _, ok := parseInteger(v.text); ok {
			return integerClass
		}
		return decimalClass
	case String:
		if declared == dateClass || declared == dateTimeClass || declared == timeClass {
			return declared
		}
		return stringClass
	case Object:
		if declared == quantityClass {
			return declared
		}
	}
	return complexClass
}

// newValue returns the JSON value that begins text as an item. ok is false if there is
// none. null is an item, since it has a place in its array.
func newValue(t *typ, text []byte) (v Value, ok bool) {
	v = Value{typ: t, text: text}
	switch jsonscan.At(text, 0) {
	case '"':
		v.kind, v.text = String, text[1:max(jsonscan.StringEnd(text, 0)-1, 1)]
	case '{', '[':
		v.kind = Object
	case 't', 'f':
		v.kind, v.text = Boolean, text[:jsonscan.ValueEnd(text, 0)]
	case 'n':
		v.text = nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		v.kind, v.text = Number, text[:jsonscan.ValueEnd(text, 0)]
	default:
		return Value{}, false
	}
	return v, true
}

// Values of booleans.
var (
	trueValue  = Value{typ: systemBoolean, kind: Boolean, text: []byte("true")}
	falseValue = Value{typ: systemBoolean, kind: Boolean, text: []byte("false")}
)

// truth is a Boolean or empty.
type truth uint8

const (
	unknown truth = iota
	isFalse
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// not swaps true and false.
func (t truth) not() truth {
	switch t {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return unknown
}

// Text returns the text of a value: a string decoded, a number as stored, an object as
// JSON; nil for Null. It is valid until the evaluator is reset or released.
func (e *Evaluator) Text(v Value) []byte {
	switch v.kind {
	case Object:
		return v.text[:jsonscan.ValueEnd(v.text, 0)]
	case String:
		return e.decode(&v)
	}
	return v.text
}

// decode returns the decoded string of a value.
func (e *Evaluator) decode(v *Value) []byte {
	if v.decoded || bytes.IndexByte(v.text, '\\') < 0 {
		return v.text
	}
	start := len(e.scratch)
	e.scratch = appendDecoded(e.scratch, v.text)
	return e.scratch[start:len(e.scratch):len(e.scratch)]
}

// Mark returns the amount of memory in use, for Release.
func (e *Evaluator) Mark() int { return len(e.scratch) }

// Release frees the memory used since Mark, which grows with each evaluation until the
// evaluator is reset: texts and results since then become invalid.
func (e *Evaluator) Release(mark int) { e.scratch = e.scratch[:mark] }

// appendDecoded appends a JSON string without its escape sequences. Half of a surrogate
// pair becomes U+FFFD, as in encoding/json.
func appendDecoded(dst, written []byte) []byte {
	for {
		i := bytes.IndexByte(written, '\\')
		if i < 0 || i+1 == len(written) {
			return append(dst, written...)
		}
		dst = append(dst, written[:i]...)
		c := written[i+1]
		written = written[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			dst, written = appendUnicode(dst, written)
			continue
		}
		dst = append(dst, c)
	}
}

// appendUnicode appends the character of the digits after \u, and returns what follows.
func appendUnicode(dst, written []byte) (extended, rest []byte) {
	r, rest := hexadecimal(written)
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), rest
	}
	if len(rest) >= 2 && rest[0] == '\\' && rest[1] == 'u' {
		second, after := hexadecimal(rest[2:])
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), after
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), rest
}

// hexadecimal returns the number of up to four digits, and what follows them.
func hexadecimal(written []byte) (r rune, rest []byte) {
	for i, c := range written {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if i == 4 || digit < 0 {
			return r, written[i:]
		}
		r = r<<4 | rune(digit)
	}
	return r, nil
}
