package source

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// corrupted are the codes of data and indexes that are damaged.
var corrupted = []string{"XX001", "XX002"}

// Permanent reports whether err is one that a retry cannot help: the statement,
// its arguments or the data are at fault, not the moment.
func Permanent(err error) bool {
	var column *catalog.ColumnError
	var unreadable *catalog.UnreadableError
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &column), errors.As(err, &unreadable):
		return true
	case errors.As(err, &pgErr):
		return pgsession.IsPermanent(pgErr) || slices.Contains(corrupted, pgErr.Code)
	}
	return false
}
