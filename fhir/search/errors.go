package search

import "fmt"

// Error is the error of a parameter of a search. Its text may be shown to the client.
type Error struct {
	// Parameter is the name as in the query, with its modifier: "code:text".
	Parameter string

	// Reason is the reason of the error.
	Reason string

	// Unsupported reports whether the search is valid FHIR that this package does
	// not support.
	Unsupported bool
}

// Error returns the parameter and the reason.
func (e *Error) Error() string {
	if e.Parameter == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Parameter, e.Reason)
}

// invalid and unsupported return an Error without its parameter: see named.
func invalid(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...), Unsupported: true}
}

func unsupportedModifier(modifier, known string) error {
	return unsupported("unsupported modifier %s; supported: %s", modifier, known)
}
