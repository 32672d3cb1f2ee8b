package pgsession

import (
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// permanentClasses are the classes of SQLSTATE for which a retry of the statement, even
// by another process, fails again: feature not supported, cardinality violation, data
// exception, syntax error or access rule violation, program limit exceeded. A wrong
// password (28) is not one of them: another process may have the right one.
var permanentClasses = []string{"0A", "21", "22", "42", "54"}

// IsPermanent reports whether a statement failed with an error that a retry cannot help.
func IsPermanent(err *pgconn.PgError) bool {
	return len(err.Code) == 5 && slices.Contains(permanentClasses, err.Code[:2])
}
