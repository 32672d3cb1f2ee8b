package load

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs and their classes (PostgreSQL, appendix A) that a load tells apart.
const (
	uniqueViolation  = "23505"
	deadlockDetected = "40P01"

	classDataException  = "22" // a value that cannot be read
	classIntegrity      = "23" // a value that a constraint forbids
	classLimitsExceeded = "54" // a value too large
)

func isDeadlock(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == deadlockDetected
}

// rowFault says what is wrong with a row, when pgErr is about the row's
// content at all. Detail is told only of values that cannot be read: that of a
// violated constraint shows the whole row.
func rowFault(pgErr *pgconn.PgError) (reason string, ok bool) {
	switch pgErr.Code[:2] {
	case classDataException:
		return strings.TrimSuffix(pgErr.Message+": "+pgErr.Detail, ": "), true
	case classIntegrity, classLimitsExceeded:
		return pgErr.Message, true
	}
	return "", false
}

// copyRow finds the number of the row in the context that COPY gives an error
// ("COPY patient, line 17, column resource", the words in the server's
// language); 0 without one. The context may quote the input, which comes
// first.
func copyRow(where, table string) int {
	label := "COPY " + table + ", "
	at := strings.LastIndex(where, label)
	if at < 0 {
		return 0
	}
	number := 0
	for _, c := range where[at+len(label):] {
		switch {
		case '0' <= c && c <= '9':
			number = number*10 + int(c-'0')
		case number > 0:
			return number
		}
	}
	return number
}
