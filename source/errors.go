package source

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/jsonb"
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

	// ErrFormChanged means that the server no longer sends jsonb in its stored form. A
	// retry reads text, unless Config.JSONB forbids that.
	ErrFormChanged = form.ErrFormChanged

	// ErrFormUnavailable means that the server does not send jsonb in its stored form,
	// which Config.JSONB requires.
	ErrFormUnavailable = form.ErrUnavailable

	// ErrTooLong means that a resource in the stored form is longer as text than
	// PostgreSQL can make it.
	ErrTooLong = jsonb.ErrTooLong
)

// MalformedError is the error of a row whose resource is not jsonb in the stored form or, if
// it wraps ErrTooLong, is too long as text.
type MalformedError struct {
	Table string // quoted for SQL
	ID    string
	Err   error
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("table %s, row with the id %q: %v", e.Table, e.ID, e.Err)
}

func (e *MalformedError) Unwrap() error { return e.Err }

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

// corrupted are the codes of data and indexes that are damaged.
var corrupted = []string{"XX001", "XX002"}

// IsPermanent reports whether a retry would fail with the same error, because of the
// statement, its arguments or the data.
func IsPermanent(err error) bool {
	var column *catalog.ColumnError
	var unreadable *catalog.UnreadableError
	var malformed *MalformedError
	var pgErr *pgconn.PgError
	switch {
	case errors.Is(err, ErrFormChanged):
		return false
	case errors.As(err, &column), errors.As(err, &unreadable), errors.As(err, &malformed):
		return true
	case errors.As(err, &pgErr):
		return pgsession.IsPermanent(pgErr) || slices.Contains(corrupted, pgErr.Code)
	}
	return false
}

// RowSecurityText is the message for clients if IsRowSecurityError.
const RowSecurityText = "row-level security hides rows from the database role of the server"

// IsRowSecurityError reports whether the server refused a query because row-level
// security would hide rows of a relation from the role (Config.RowSecurity). Affected
// tables are detected before they are read, but not their histories, their partitions,
// and tables behind views.
//
// The SQLSTATE means a missing privilege, and the message is localized; only the
// name of the server's function identifies the error.
func IsRowSecurityError(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "42501" && pgErr.Routine == "check_enable_rls"
}
