package source

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// RowSecurityText is what clients are told of an error of HidesRows.
const RowSecurityText = "row-level security hides rows from the database role of the server"

// HidesRows reports whether the server refused a query because row-level security
// would hide rows of a relation from the role (Config.RowSecurity). Tables that are
// affected are found before they are read; this is for the rest: their histories,
// partitions, and tables behind views.
//
// The SQLSTATE is that of a missing privilege, and the text is in the language of the
// server, but the name of the function in the server is always the same.
func HidesRows(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "42501" && pgErr.Routine == "check_enable_rls"
}
