package fhir

import "fmt"

// A SyntaxError says why a document is not a JSON object that PostgreSQL can
// keep as jsonb.
type SyntaxError struct {
	Offset int // in bytes, from the start of the document
	Reason string
}

// Error returns the reason and the offset.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }
