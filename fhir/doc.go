// Package fhir holds the types of FHIR R4 with their elements, and converts documents
// from the format in which Aidbox stores them to FHIR JSON and back.
//
// [Tables] describes the elements. A [Converter] walks over the bytes of a document
// and writes the other format. It changes only what differs: references, choice
// elements, meta.createdAt and first-class extensions. Everything else, from number
// literals to unknown elements, is copied. docs/format.md has the rules with examples.
//
// The package knows nothing of databases, files or HTTP, and imports only jsonscan and
// source/jsonb: a document is text, or jsonb in its stored form.
package fhir

//go:generate go run ./gen
