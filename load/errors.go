package load

import (
	"errors"
	"fmt"
)

// LineError is the error of a line that cannot be loaded. Nothing of its file was
// loaded.
type LineError struct {
	File string // the path as given, or as found in a folder; "-" is standard input
	Line int64  // counted from 1
	Err  error  // contains no content of the resource but its type, its id and an invalid value
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

var (
	errNotObject = errors.New("not a JSON object: each line must contain one resource")
	errTooLong   = errors.New("line too long")
	errRepeated  = errors.New("repeated element")
	errSyntax    = errors.New("invalid JSON")
)
