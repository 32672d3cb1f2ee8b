package transfer

import "fmt"

// MismatchError says that a file is not what the manifest says, twice in a row.
type MismatchError struct {
	Name string
	// Check is gzip, size, sha256, count or type.
	Check     string
	Want, Got string
}

// Error implements error.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: %s mismatch: expected %s, got %s", e.Name, e.Check, e.Want, e.Got)
}

// RemoteError says that a file cannot be downloaded from the server, or not now: a later
// run may continue. It wraps errors of Links and access.Authorizer. All other errors of Run are a
// *MismatchError, the cause of the context, or errors of the output.
type RemoteError struct {
	// Status is the status of the last response, 0 if there was none.
	Status int
	// Text has no secrets.
	Text string
	Err  error
}

// Error implements error.
func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the error of the last request, whose text may contain secrets.
func (e *RemoteError) Unwrap() error { return e.Err }
