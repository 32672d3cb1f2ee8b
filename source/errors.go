package source

import "errors"

var (
	// ErrNoSchema means that the schema of the FHIR tables does not exist, or that
	// Config names another.
	ErrNoSchema = errors.New("no such schema")

	// ErrNoTables means that the schema has no FHIR table that can be read.
	ErrNoTables = errors.New("no FHIR table that can be read")

	// ErrOldServer means that the server is older than PostgreSQL 14.
	ErrOldServer = errors.New("the server is too old")

	// ErrSnapshotGone means that a snapshot can no longer be read: the transaction that
	// exported it has ended or, with catalog.ErrRewritten, a table was changed so that
	// its rows cannot be found.
	ErrSnapshotGone = errors.New("the snapshot is gone")

	// ErrInTheWay comes with ErrSnapshotGone: another session has waited too long for a
	// table that the snapshot or the scan has locked.
	ErrInTheWay = errors.New("another session waits for the table")
)
