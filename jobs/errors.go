package jobs

import "errors"

var (
	// ErrDamaged means that the object store lost or changed files of the export
	// again after they had been written again.
	ErrDamaged = errors.New("the object store lost or changed files of the export")

	// ErrMoved means that the location that the state database records is no longer
	// the one of Config: the caller reads and writes at the wrong place.
	ErrMoved = errors.New("the location has moved since this process started")

	// ErrNewer means that a newer version left something that this one does not
	// understand, and has to leave to others.
	ErrNewer = errors.New("a newer version of sluice is needed")

	// ErrNotFound means that the client has no such export: there never was
	// one, it is another client's, or it was cancelled.
	ErrNotFound = errors.New("no such export")

	// ErrShown means that an export can't be begun anew, since its client has
	// been given files of it, which show the snapshot that is lost.
	ErrShown = errors.New("files of the export were given away already")

	// ErrOver means that the export or part needs no more work: it has ended,
	// was cancelled, or another attempt has taken it over. What the caller did
	// counts for nothing.
	ErrOver = errors.New("the work is no longer wanted")
)
