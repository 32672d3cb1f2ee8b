package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
)

// Ping returns an error if the database does not answer or cannot be read: ErrOldServer
// if its version is below 14, ErrNoSchema if the schema does not exist, so that all
// tables would be missing, form.ErrUnavailable if the form of Config.JSONB is not
// available. It makes a connection of its own, so that it succeeds while scans use all
// others. Later scans use the form of jsonb that it finds.
func (s *Source) Ping(ctx context.Context) error {
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	var exists bool
	err = conn.QueryRow(ctx, schemaExistsSQL, s.config.Schema).Scan(&exists)
	if err == nil && !exists {
		err = fmt.Errorf("%w: %q", ErrNoSchema, s.config.Schema)
	}
	if err == nil {
		_, err = s.forms.Check(ctx, conn)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("source: %w", err), conn.Close(ctx))
	}
	return conn.Close(ctx)
}

// Form returns the form in which resources are read from the server that was checked last:
// by Ping, or by the first scan of the server.
func (s *Source) Form() form.Decision { return s.forms.Last() }

const schemaExistsSQL = `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`

// Identity identifies the database that a Source reads, whatever its URL.
type Identity struct {
	// SystemIdentifier identifies the cluster. It is the same for replicas and their
	// primary and stays the same in a failover; it differs after a restore into another
	// cluster. It is empty if the role may not read it.
	SystemIdentifier string

	Database string
	Schema   string
}

const (
	databaseSQL         = `SELECT current_database()::text`
	systemIdentifierSQL = `SELECT system_identifier::text FROM pg_control_system()`
)

// Identity returns the identity of the database. It makes a connection of its own: the
// open ones may lead to another server that had the address before.
func (s *Source) Identity(ctx context.Context) (Identity, error) {
	id := Identity{Schema: s.config.Schema}
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return id, fmt.Errorf("source: identify the database: %w", err)
	}
	err = conn.QueryRow(ctx, databaseSQL).Scan(&id.Database)
	if err == nil {
		err = conn.QueryRow(ctx, systemIdentifierSQL).Scan(&id.SystemIdentifier)
	}
	// Some managed services deny the function, or do not have it.
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "42501" || pgErr.Code == "42883" || pgErr.Code == "0A000") {
		err = nil
	}
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return id, fmt.Errorf("source: identify the database: %w", err)
	}
	return id, nil
}

// visibilitySQL returns the current role, whether the server is a standby, and whether
// the role sees the sessions of others.
const visibilitySQL = `SELECT current_user::text, pg_is_in_recovery(), pg_has_role('pg_read_all_stats', 'USAGE')`

// Visibility is what a Source can see of open transactions that write.
type Visibility struct {
	// Role is the role of the sessions.
	Role string

	// Standby means that the server is a standby, which shows no writing transactions.
	Standby bool

	// Restricted means that the role does not see when transactions of other roles
	// began: it lacks the privileges of pg_read_all_stats.
	Restricted bool
}

// Visibility returns what can be seen of open transactions that write. If some cannot be
// seen, snapshots are Estimated, by Config.CommitMargin.
func (s *Source) Visibility(ctx context.Context) (v Visibility, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return v, fmt.Errorf("source: check the role: %w", err)
	}
	defer conn.Release()

	var seesAll bool
	if err := conn.QueryRow(ctx, visibilitySQL).Scan(&v.Role, &v.Standby, &seesAll); err != nil {
		return v, fmt.Errorf("source: check the role: %w", err)
	}
	v.Restricted = !seesAll
	return v, nil
}

// xminSQL returns the age of the oldest xmin of this server's sessions of the role that
// only read. A role sees its own sessions without pg_read_all_stats.
const xminSQL = `
SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND application_name LIKE '%' || $1`

// XminAge returns how many transactions ago the oldest snapshot was taken that sessions of
// the role hold, in all processes of Sluice: VACUUM keeps the rows that were deleted since.
// It makes a connection of its own.
func (s *Source) XminAge(ctx context.Context) (transactions int64, err error) {
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return 0, fmt.Errorf("source: read the age of snapshots: %w", err)
	}
	err = conn.QueryRow(ctx, xminSQL, connpool.ApplicationSuffix).Scan(&transactions)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, fmt.Errorf("source: read the age of snapshots: %w", err)
	}
	return transactions, nil
}
