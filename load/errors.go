package load

import (
	"errors"
	"fmt"
)

// LineError is a line that cannot be loaded. Its file was not loaded at all.
type LineError struct {
	File string // as the path was given, or found in a folder; "-" is standard input
	Line int64  // counted from 1
	Err  error  // why; never the content of the resource beyond type and id
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

var (
	errNoPaths   = errors.New("no file, folder or - given")
	errNotObject = errors.New("not a JSON object: each line must hold one resource")
	errTooLong   = errors.New("the line is longer than the maximum")
	errRepeated  = errors.New("repeated element")
	errSyntax    = errors.New("not valid JSON")
)
