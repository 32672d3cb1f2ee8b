package search

import "fmt"

// Error says which parameter of a search can't be done, and why, in words that
// may be shown to whoever asked.
type Error struct {
	// Parameter is the name as it was given, with its modifier: "code:text".
	Parameter string

	// Reason is what is wrong with it.
	Reason string

	// Unsupported tells what FHIR has and this package has not from what is
	// wrong by itself.
	Unsupported bool
}

// Error returns the parameter and the reason.
func (e *Error) Error() string {
	if e.Parameter == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Parameter, e.Reason)
}

// invalid and unsupported make an Error that has yet to get its parameter.
func invalid(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &Error{Reason: fmt.Sprintf(format, args...), Unsupported: true}
}

func unsupportedModifier(modifier, known string) error {
	return unsupported("the modifier %s is not supported here; these are: %s", modifier, known)
}
