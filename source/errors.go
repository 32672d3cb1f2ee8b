package source

import (
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
)

var (
	// ErrNoSchema means that the schema of the FHIR tables does not exist, or that
	// Config names another.
	ErrNoSchema = errors.New("no such schema")

	// ErrNoTables means that the schema has no FHIR table that can be read.
	ErrNoTables = errors.New("no FHIR table that can be read")

	// ErrOldServer means that the server is older than PostgreSQL 14.
	ErrOldServer = connpool.ErrOldServer

	// ErrSnapshotGone means that a snapshot can no longer be read: the transaction that
	// exported it has ended or, with catalog.ErrRewritten, a table was changed so that
	// its rows cannot be found.
	ErrSnapshotGone = errors.New("the snapshot is gone")

	// ErrInTheWay comes with ErrSnapshotGone: another session has waited too long for a
	// table that the snapshot or the scan has locked.
	ErrInTheWay = connpool.ErrInTheWay
)

// snapshotError adds ErrSnapshotGone to an error that means that the snapshot, or rows of
// it, cannot be read any more.
func snapshotError(err error) error {
	for _, cause := range []error{catalog.ErrRewritten, connpool.ErrElsewhere, connpool.ErrInTheWay} {
		if errors.Is(err, cause) && !errors.Is(err, ErrSnapshotGone) {
			return fmt.Errorf("%w: %w", ErrSnapshotGone, err)
		}
	}
	return err
}

// explain adds to an error of a connection why the connection has been closed.
func explain(conn *connpool.Conn, err error) error { return snapshotError(conn.Explain(err)) }
