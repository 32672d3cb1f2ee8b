package jobs

import "errors"

var (
	// ErrNotFound means that the client has no such export: there never was
	// one, it is another client's, or it was cancelled.
	ErrNotFound = errors.New("no such export")

	// ErrOver means that the export or part needs no more work: it has ended,
	// was cancelled, or another attempt has taken it over. What the caller did
	// counts for nothing.
	ErrOver = errors.New("the work is no longer wanted")
)
