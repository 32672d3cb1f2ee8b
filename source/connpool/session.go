package connpool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/seed-90096f4d/sluice/pgsession"
)

// minServerVersion is the first version with TID range scans: before it, the scan of a
// page range read the whole table.
const minServerVersion = 14

// ApplicationSuffix ends the application name of every session. The sessions are
// read-only, so that transactionTime can ignore them; otherwise each long scan would
// make the transactionTime of later snapshots earlier.
const ApplicationSuffix = " (sluice reader)"

// readBuffer is the size of a read of the socket.
const readBuffer = lowWaterBytes

// sessionSQL sets up a session for statements and idle transactions that last hours: no
// timeout of the server or the role may end them. Only the wait for an exclusive lock is
// limited. JIT compilation would take hundreds of milliseconds before the first row.
// Parallel workers would read the whole table for each page range; only a TID range scan
// is limited to the range. The server closes the session of an unreachable client, and
// releases its snapshot, after two minutes. The join with pg_settings skips settings that
// the server's version does not have (transaction_timeout exists since 17). The result
// identifies the server.
const sessionSQL = `
SELECT pg_backend_pid(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text,
	count(set_config(name, value, false))
FROM (VALUES
	('default_transaction_read_only', 'on'),
	('idle_in_transaction_session_timeout', '0'),
	('idle_session_timeout', '0'),
	('jit', 'off'),
	('lock_timeout', '30s'),
	('max_parallel_workers_per_gather', '0'),
	('statement_timeout', '0'),
	('tcp_keepalives_count', '6'),
	('tcp_keepalives_idle', '60'),
	('tcp_keepalives_interval', '10'),
	('transaction_timeout', '0')
) AS wanted (name, value)
JOIN pg_settings USING (name)`

// checkClientSQL makes the server check the connection every second while it runs a
// query. Otherwise, a query that has no row to send would continue after Sluice was
// killed.
const checkClientSQL = `SET client_connection_check_interval = '1s'`

// sessionSettings returns the settings of the startup message, in addition to those of
// pgsession. The search path has the schema of the FHIR tables, where functions of views
// are found; none of them can hide a function of PostgreSQL.
func sessionSettings(cfg Config) map[string]string {
	return map[string]string{
		"application_name": cfg.ApplicationName + ApplicationSuffix,
		"row_security":     pgsession.RowSecurity(cfg.RowSecurity),
		"search_path":      pgsession.SearchPath("pg_catalog", cfg.Schema),
	}
}

// prepareConfig sets how connections read.
func prepareConfig(config *pgx.ConnConfig) {
	config.DialFunc = lowWaterDial(config.DialFunc)
	config.LookupFunc = rotatingAddresses(config.LookupFunc)
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
}

// prepareSession checks and sets up a new connection.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	version := conn.PgConn().ParameterStatus("server_version")
	if major := majorVersion(version); major < minServerVersion {
		return fmt.Errorf("%w: PostgreSQL %d or later is required, got %s", ErrOldServer, minServerVersion, version)
	}
	var pid int32
	var at string
	if err := conn.QueryRow(ctx, sessionSQL, pgx.QueryExecModeSimpleProtocol).Scan(&pid, &at, nil); err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	data := conn.PgConn().CustomData()
	data[pidKey], data[serverKey] = pid, Server(at)

	// Servers on systems that do not support the check reject the setting.
	var pgErr *pgconn.PgError
	if _, err := conn.Exec(ctx, checkClientSQL); err != nil && !errors.As(err, &pgErr) {
		return fmt.Errorf("set up session: %w", err)
	}
	return nil
}

// pidKey is the key of the session's process id on the server in a connection's custom
// data. PgConn.PID is the one that a connection pooler has assigned.
const pidKey = "sluice.pid"

// sessionPID returns the process id of the session of a prepared connection.
func sessionPID(conn *pgx.Conn) int32 {
	pid, _ := conn.PgConn().CustomData()[pidKey].(int32)
	return pid
}

// majorVersion returns the first number of a server_version such as
// "15.18 (Debian 15.18-0+deb12u1)" or "18beta1", or 0 without a number.
func majorVersion(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return major
}
