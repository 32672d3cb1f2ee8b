package jobs

import "errors"

var (
	// ErrDamaged means that the object store lost or changed files of the export
	// again after they had been repaired.
	ErrDamaged = errors.New("the object store lost or changed files of the export")

	// ErrFilesShown means that an export cannot restart, because its client has been
	// shown files that belong to the lost snapshot.
	ErrFilesShown = errors.New("files of the export were already published to the client")

	// ErrLocationMoved means that the location recorded in the state database is not
	// the one of Config: the caller uses another source or bucket.
	ErrLocationMoved = errors.New("the recorded location has changed since this process started")

	// ErrNewer means that a newer version wrote something that this version does not
	// understand and must leave to newer processes.
	ErrNewer = errors.New("a newer version of sluice is required")

	// ErrNotFound means that the client has no such export: it never existed, belongs
	// to another client, or was cancelled.
	ErrNotFound = errors.New("export not found")

	// ErrStale means that the caller's work no longer counts: the export or part has
	// ended, was cancelled, or was taken over by another attempt.
	ErrStale = errors.New("the export or part has ended or was taken over")
)
