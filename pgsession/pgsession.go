// Package pgsession configures connections to PostgreSQL: it parses connection
// strings without ever quoting them, sets in the startup message what Sluice relies
// on in every session, rejects databases it could not read correctly, and replaces
// pooled connections that the server has closed.
//
// It must not know what a session is used for.
package pgsession

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrEncoding means that the text of a database cannot be read as UTF-8.
var ErrEncoding = errors.New("the encoding of the database is not supported")

// required are the settings of every session. The server prefers the startup
// message to its configuration, to settings of the role and the database, and to
// options in the connection string.
//
//   - client_encoding, DateStyle, IntervalStyle, TimeZone, bytea_output,
//     extra_float_digits, standard_conforming_strings and quote_all_identifiers
//     decide how values and names are written.
//   - row_security = off turns a query of which row-level security would hide rows
//     into an error.
//   - gin_fuzzy_search_limit would let index scans leave out rows.
//   - default_transaction_isolation applies to statements outside of a transaction,
//     and to transactions that do not set another level.
var required = map[string]string{
	"bytea_output":                  "hex",
	"client_encoding":               "UTF8",
	"datestyle":                     "ISO, MDY",
	"default_transaction_isolation": "read committed",
	"extra_float_digits":            "1",
	"gin_fuzzy_search_limit":        "0",
	"intervalstyle":                 "postgres",
	"quote_all_identifiers":         "off",
	"row_security":                  "off",
	"standard_conforming_strings":   "on",
	"timezone":                      "UTC",
}

// Options are what one use of a database adds. Names are in lower case.
type Options struct {
	// Required are settings that the connection string cannot change.
	Required map[string]string

	// Defaults are settings that parameters of the connection string replace.
	Defaults map[string]string
}

// RowSecurity returns the value of row_security: "on" lets row-level security hide
// rows, "off" makes that an error.
func RowSecurity(allowed bool) string {
	if allowed {
		return "on"
	}
	return "off"
}

// SearchPath returns the value of search_path for these schemas.
func SearchPath(schemas ...string) string {
	quoted := make([]string, len(schemas))
	for i, schema := range schemas {
		quoted[i] = pgx.Identifier{schema}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// Parse parses a connection string, a URL or keywords and values. Its errors quote
// nothing of it: a reserved character in a password moves parts of it anywhere.
func Parse(connString string, opts Options) (*pgxpool.Config, error) {
	if err := checkURL(connString); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, errUnparsable
	}
	params := map[string]string{}
	maps.Copy(params, opts.Defaults)
	for name, value := range config.ConnConfig.RuntimeParams {
		if !isParameterName(name) {
			return nil, errUnparsable
		}
		params[strings.ToLower(name)] = value // the server reads names without regard to case
	}
	maps.Copy(params, required)
	maps.Copy(params, opts.Required)
	config.ConnConfig.RuntimeParams = params
	config.ConnConfig.AfterConnect = checkEncoding
	config.PingTimeout = pingTimeout
	config.ShouldPing = shouldPing
	return config, nil
}

// checkEncoding returns ErrEncoding if the server does not convert text to UTF-8. A
// database in SQL_ASCII holds bytes of unknown encoding, which are not converted. A
// pooler between here and the server may have ignored the startup message.
func checkEncoding(_ context.Context, conn *pgconn.PgConn) error {
	if encoding := conn.ParameterStatus("server_encoding"); encoding == "SQL_ASCII" {
		return fmt.Errorf("%w: SQL_ASCII does not define the meaning of bytes; the encoding must be UTF8 or another one that PostgreSQL converts", ErrEncoding)
	}
	if encoding := conn.ParameterStatus("client_encoding"); encoding != "" && encoding != "UTF8" {
		return fmt.Errorf("%w: client_encoding must be UTF8, got %s despite the startup message", ErrEncoding, encoding)
	}
	return nil
}

const (
	// pingIdle is how long a connection may be idle before it is pinged. A server
	// that is gone without having closed its connections is detected only in this way.
	pingIdle = time.Second

	// pingTimeout limits the wait for a server that is gone. The next connection,
	// or a new one, is then used instead.
	pingTimeout = 5 * time.Second
)

// shouldPing reports whether a pooled connection may be dead. A server that was
// restarted has closed its connections or sent a message on them, so a connection
// with something to read may be dead. The check costs a microsecond.
func shouldPing(_ context.Context, params pgxpool.ShouldPingParams) bool {
	return params.IdleDuration > pingIdle || readable(params.Conn.PgConn().Conn())
}
