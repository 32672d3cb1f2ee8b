package source

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// permanentClasses are the classes of SQLSTATE that repeat however often, and by
// whichever process, the statement is tried: feature not supported, cardinality
// violation, data exception, syntax error or access rule violation, program limit
// exceeded. A wrong password (28) is not among them: another process may have the
// right one.
var permanentClasses = []string{"0A", "21", "22", "42", "54"}

// corrupted are the codes of data and indexes that are damaged.
var corrupted = []string{"XX001", "XX002"}

// Permanent reports whether err is one that a retry cannot help: the statement,
// its arguments or the data are at fault, not the moment.
func Permanent(err error) bool {
	var column *ColumnError
	var unreadable *UnreadableError
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &column), errors.As(err, &unreadable):
		return true
	case errors.As(err, &pgErr):
		return isPermanent(pgErr) || slices.Contains(corrupted, pgErr.Code)
	}
	return false
}

// isPermanent reports whether a statement failed with an error of permanentClasses.
func isPermanent(err *pgconn.PgError) bool {
	return len(err.Code) == 5 && slices.Contains(permanentClasses, err.Code[:2])
}
