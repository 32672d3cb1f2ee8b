// Package fhir holds the types of FHIR R4 with their elements, and converts documents
// from the format in which Aidbox stores them to FHIR JSON and back.
//
// [Tables] describes the elements. A [Converter] walks over the bytes of a document
// and writes the other format. It changes only what differs: references, choice
// elements, meta.createdAt and first-class extensions. Everything else, from number
// literals to unknown elements, is copied. docs/format.md has the rules with examples.
//
// The package knows nothing of databases, files or HTTP. A document is text, or jsonb in
// its stored form, so it imports jsonscan and source/jsonb. The latter is the only package
// below source that may be imported from here: like jsonscan, it reads bytes and imports
// only the standard library.
package fhir

//go:generate go run ./gen
