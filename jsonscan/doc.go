// Package jsonscan moves over the bytes of JSON text without decoding it: it
// finds where a value ends, the members of an object and the text of a string.
//
// The functions take a text and the index of a token, and return the index after
// it. They expect valid JSON. On anything else they stop at the end of the text at
// the latest, and the caller notices what is missing there.
//
// The package imports only the standard library, and knows neither FHIR nor the
// forms of a line.
package jsonscan
