package pgsession

import (
	"errors"
	"strings"
)

var (
	errUnparsable = errors.New("not a valid connection string: expected postgres://user:password@host:port/database, with reserved characters percent-encoded")
	errReserved   = errors.New("not a valid connection string: a password with @ or / must have them percent-encoded, as %40 and %2F")
)

// checkURL rejects a URL in which a password with a reserved character would be
// taken for the host, the port or the database, and shown in errors as that.
func checkURL(connString string) error {
	_, rest, found := strings.Cut(connString, "://")
	if !found {
		return nil // keywords and values
	}
	userinfo, after, found := strings.Cut(rest, "@")
	if found && (strings.Contains(userinfo, "/") || strings.Contains(after, "@")) {
		return errReserved
	}
	return nil
}

// isParameterName reports whether the server can have a setting of this name. A
// space in an unquoted password begins a new keyword, for example.
func isParameterName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}
