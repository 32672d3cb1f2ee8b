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

// minServerVersion is the first version with TID range scans: before it, a
// page range would cost a scan of the whole table.
const minServerVersion = 14

// ApplicationSuffix ends the application name of every session opened here. The
// sessions are read-only, so transactionTime may ignore those that carry it;
// otherwise each long scan would push back the time of every later snapshot.
const ApplicationSuffix = " (sluice reader)"

// readBuffer is how much one read of the socket may bring: what was gathered.
const readBuffer = gatherBytes

// sessionSQL makes a session fit for statements that run for hours and for a
// transaction that idles as long: none of the server's or the role's timeouts
// may end them. A table locked exclusively is waited for, but not for ever.
// JIT compiles for hundreds of milliseconds before the first row, for queries
// that have nothing to compile. Workers of a parallel query would look at the
// whole table for each range of blocks, which only a plain scan reads alone. A
// client whose machine is gone without a word is given up after two minutes, and
// its snapshot with it. pg_settings leaves out what the server's version does not
// know (transaction_timeout came with 17). The result identifies the server.
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

// vigilanceSQL makes the server look every second, while it works on a query,
// whether the client is still there. Otherwise a query that has no row to send
// would outlive a Sluice that was killed.
const vigilanceSQL = `SET client_connection_check_interval = '1s'`

// sessionSettings are those of the start-up packet, beyond what every session has.
// Functions that a view calls are looked for in the schema of the FHIR tables, and
// nothing in it or elsewhere stands in for a function of PostgreSQL.
func sessionSettings(cfg Config) map[string]string {
	return map[string]string{
		"application_name": cfg.ApplicationName + ApplicationSuffix,
		"row_security":     pgsession.RowSecurity(cfg.RowSecurity),
		"search_path":      pgsession.SearchPath("pg_catalog", cfg.Schema),
	}
}

// prepareConfig sets how a connection reads.
func prepareConfig(config *pgx.ConnConfig) {
	config.DialFunc = gathering(config.DialFunc)
	config.LookupFunc = rotatingAddresses(config.LookupFunc)
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
}

// prepareSession checks and sets up a connection just made.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	version := conn.PgConn().ParameterStatus("server_version")
	if major := majorVersion(version); major < minServerVersion {
		return fmt.Errorf("%w: it is PostgreSQL %s, and %d or later is needed", ErrOldServer, version, minServerVersion)
	}
	var pid int32
	var at string
	if err := conn.QueryRow(ctx, sessionSQL, pgx.QueryExecModeSimpleProtocol).Scan(&pid, &at, nil); err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	data := conn.PgConn().CustomData()
	data[pidKey], data[serverKey] = pid, Server(at)

	// Servers on systems that cannot look refuse the setting, and do without.
	var pgErr *pgconn.PgError
	if _, err := conn.Exec(ctx, vigilanceSQL); err != nil && !errors.As(err, &pgErr) {
		return fmt.Errorf("set up session: %w", err)
	}
	return nil
}

// pidKey is where a connection keeps the process id of its session as the server
// knows it. PgConn.PID is what a connection pooler in between made up.
const pidKey = "sluice.pid"

// sessionPID returns the process id of the session of a prepared connection.
func sessionPID(conn *pgx.Conn) int32 {
	pid, _ := conn.PgConn().CustomData()[pidKey].(int32)
	return pid
}

// majorVersion reads the first number of a server_version such as
// "15.18 (Debian 15.18-0+deb12u1)" or "18beta1"; 0 if there is none.
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
