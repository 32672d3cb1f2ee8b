// Package fhir knows what FHIR is: the types of a FHIR version with their
// elements, and how a document goes from the format in which Aidbox stores it
// to FHIR JSON and back.
//
// A [Tables] says what elements there are; a [Converter] walks over the bytes
// of a document, guided by it, and writes the other format, touching only what
// differs: references, choice elements, meta.createdAt. Everything else, from
// number literals to unknown elements, passes as it is. docs/format.md has the
// rules with examples.
//
// A [SearchTables] says which search parameters there are and where in a document
// each looks, and what is in the compartment of a patient.
//
// The package knows nothing of databases, files or HTTP, and imports no other
// package of Sluice.
package fhir

//go:generate go run ./gen
