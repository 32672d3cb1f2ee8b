package load

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs and classes of them that a load distinguishes (PostgreSQL, appendix A).
const (
	uniqueViolation  = "23505"
	deadlockDetected = "40P01"

	classDataException  = "22" // a value that cannot be parsed
	classIntegrity      = "23" // a value that violates a constraint
	classLimitsExceeded = "54" // a value that is too large
)

func isDeadlock(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == deadlockDetected
}

// rowError returns the reason of an error in the content of a row. ok is false if pgErr
// is another error. The reason includes the detail only of values that cannot be
// parsed: the detail of a violated constraint contains the whole row.
func rowError(pgErr *pgconn.PgError) (reason string, ok bool) {
	switch pgErr.Code[:2] {
	case classDataException:
		return strings.TrimSuffix(pgErr.Message+": "+pgErr.Detail, ": "), true
	case classIntegrity, classLimitsExceeded:
		return pgErr.Message, true
	}
	return "", false
}

// copyRow returns the number of the row in the context of an error of COPY ("COPY
// patient, line 17, column resource", in the language of the server), or 0. The context
// may begin with a quotation of the input.
func copyRow(where, table string) int {
	label := "COPY " + table + ", "
	at := strings.LastIndex(where, label)
	if at < 0 {
		return 0
	}
	number, _ := strconv.Atoi(digits.FindString(where[at+len(label):])) // 0 without digits
	return number
}

var digits = regexp.MustCompile(`\d+`)
