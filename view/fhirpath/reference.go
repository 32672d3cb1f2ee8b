package fhirpath

import (
	"bytes"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// keyOf returns the key of a reference: the id of its target. A reference has none if it
// is not to a resource of this server, or not to a resource of type t, unless t is nil.
func (e *Evaluator) keyOf(v Value, t *typ) (key Value, ok bool) {
	if v.kind != Object {
		return Value{}, false
	}
	written, ok := newValue(systemString, e.find(referenceElement, v.text).value)
	if !ok || written.kind != String {
		return Value{}, false
	}
	kind, id, ok := splitReference(e.decode(&written), e.BaseURL)
	if !ok || t != nil && !e.hasType(kind, t) {
		return Value{}, false
	}
	return Value{typ: systemString, kind: String, text: id, decoded: true}, true
}

// hasType reports whether a resource type is t or built on it.
func (e *Evaluator) hasType(kind []byte, t *typ) bool {
	return string(t.name) == string(kind) || e.schema.types[string(kind)].isA(t)
}

// splitReference returns the type and id of Patient/123, Patient/123/_history/4, or such a
// path below the base URL.
func splitReference(reference []byte, base string) (kind, id []byte, ok bool) {
	for len(base) > 0 && base[len(base)-1] == '/' {
		base = base[:len(base)-1]
	}
	if n := len(base); n > 0 && len(reference) > n && string(reference[:n]) == base && reference[n] == '/' {
		reference = reference[n+1:]
	}
	kind, rest, _ := bytes.Cut(reference, slash)
	id, history, versioned := bytes.Cut(rest, slash)
	if versioned {
		word, version, found := bytes.Cut(history, slash)
		if !found || string(word) != "_history" || !isID(version) {
			return nil, nil, false
		}
	}
	return kind, id, isTypeName(kind) && isID(id)
}

var slash = []byte("/")

// isTypeName reports whether text has the form of the name of a resource type.
func isTypeName(text []byte) bool {
	c := jsonscan.At(text, 0)
	if c < 'A' || c > 'Z' {
		return false
	}
	for _, c := range text {
		if !isLetter(c) && !isDigit(c) {
			return false
		}
	}
	return true
}

// isID reports whether text can be an id. It allows more than FHIR does, but nothing that
// has a meaning in a URL.
func isID(text []byte) bool {
	for _, c := range text {
		if c == '/' || c == '?' || c == '#' || c == ':' {
			return false
		}
	}
	return len(text) > 0
}
