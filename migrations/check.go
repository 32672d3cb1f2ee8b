package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// The reasons why a process cannot work with a state database. The errors of Check that
// wrap them are sentences for the operator.
var (
	// ErrDenied means that the role lacks privileges on tables of the state database.
	ErrDenied = errors.New("missing privileges on the state database")

	// ErrNewer means that the state database has migrations of a newer version, which
	// may have changed the meaning of tables.
	ErrNewer = errors.New("the state database is newer than this version of sluice")

	// ErrPending means that the state database lacks migrations of this version.
	ErrPending = errors.New("the state database is not migrated: run sluice migrate")
)

// DeniedError is ErrDenied with the privileges.
type DeniedError struct {
	Role    string   // unquoted
	Lacking []string // such as SELECT, INSERT on sluice.export
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("%v: role %s lacks %s", ErrDenied, e.Role, strings.Join(e.Lacking, "; "))
}

// Unwrap returns ErrDenied.
func (e *DeniedError) Unwrap() error { return ErrDenied }

// Grants returns the statements that grant the privileges.
func (e *DeniedError) Grants() []string {
	grants := make([]string, len(e.Lacking))
	for i, lacking := range e.Lacking {
		grants[i] = "GRANT " + lacking + " TO " + pgx.Identifier{e.Role}.Sanitize()
	}
	return grants
}

// catalog is what the system catalog shows of the state database to any role.
type catalog struct {
	Role string

	// Migrated reports whether the tables of migrations exist, both River's and
	// Sluice's own.
	Migrated bool

	// Lacking are the privileges that the role lacks.
	Lacking []string
}

// catalogSQL lists no privileges on tables if the role lacks USAGE on their schema. The
// tables of migrations need only SELECT, and the sequence of an identity column (deptype
// i) needs no privilege.
const catalogSQL = `
WITH own AS (
    SELECT oid, nspname, has_schema_privilege(oid, 'USAGE') AS usable FROM pg_namespace WHERE nspname = 'sluice'
), needed AS (
    SELECT c.oid, s.nspname, c.relname, c.relkind, c.relname IN ('migration', 'river_migration') AS read_only
    FROM pg_class c JOIN own s ON s.oid = c.relnamespace AND s.usable
    WHERE c.relkind IN ('r', 'p', 'S') AND c.relname <> 'migration_id_seq' AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
), lacking AS (
    SELECT 'USAGE on schema ' || nspname AS what FROM own WHERE NOT usable
    UNION ALL
    SELECT string_agg(p.privilege, ', ') || CASE n.relkind WHEN 'S' THEN ' on sequence ' ELSE ' on ' END || format('%I.%I', n.nspname, n.relname)
    FROM needed n CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('USAGE')) AS p (privilege)
    WHERE CASE
        WHEN n.relkind = 'S' THEN p.privilege = 'USAGE' AND NOT has_sequence_privilege(n.oid, 'USAGE')
        WHEN p.privilege = 'USAGE' THEN false
        ELSE (p.privilege = 'SELECT' OR NOT n.read_only) AND NOT has_table_privilege(n.oid, p.privilege)
    END
    GROUP BY n.nspname, n.relname, n.relkind
)
SELECT current_user::text,
    (SELECT count(*) = 2 FROM pg_class c JOIN own s ON s.oid = c.relnamespace WHERE c.relname IN ('migration', 'river_migration')),
    ARRAY(SELECT what FROM lacking ORDER BY what)`

// versionsSQL also works with an older table of River's without the column "line".
const versionsSQL = `
SELECT ARRAY(SELECT r.version FROM sluice.river_migration r WHERE coalesce(to_jsonb(r)->>'line', 'main') = 'main' ORDER BY 1),
       ARRAY(SELECT m.version_id FROM sluice.migration m WHERE m.is_applied ORDER BY 1)`

// Check returns nil if this version can work with the state database as it is, or an
// error that matches ErrPending, ErrNewer or ErrDenied. It changes nothing.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	var c catalog
	err := pool.QueryRow(ctx, catalogSQL).Scan(&c.Role, &c.Migrated, &c.Lacking)
	if err != nil {
		return fmt.Errorf("check migrations: %w", err)
	}
	if err := c.check(); err != nil {
		return err
	}
	var river, own []int64
	if err := pool.QueryRow(ctx, versionsSQL).Scan(&river, &own); err != nil {
		return fmt.Errorf("check migrations: %w", err)
	}
	return checkVersions(pool, river, own)
}

// check returns an error if the versions cannot be read.
func (c *catalog) check() error {
	switch {
	case !c.Migrated:
		return ErrPending
	case len(c.Lacking) > 0:
		return &DeniedError{Role: c.Role, Lacking: c.Lacking}
	}
	return nil
}

// checkVersions compares the applied migrations with those of this version.
func checkVersions(pool *pgxpool.Pool, river, own []int64) error {
	knownRiver, err := riverVersions(pool)
	if err != nil {
		return err
	}
	knownOwn, err := ownVersions(pool)
	if err != nil {
		return err
	}
	var unknown []string
	for _, version := range missing(own, knownOwn) {
		if version != 0 { // inserted by goose with the table
			unknown = append(unknown, fmt.Sprintf("%05d", version))
		}
	}
	for _, version := range missing(river, knownRiver) {
		unknown = append(unknown, fmt.Sprintf("%03d of River", version))
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("%w: unknown migrations %s; upgrade this process", ErrNewer, strings.Join(unknown, ", "))
	case len(missing(knownOwn, own)) > 0, len(missing(knownRiver, river)) > 0:
		return ErrPending
	}
	return nil
}

// missing returns the versions that are not among others.
func missing(versions, others []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(versions), func(v int64) bool { return slices.Contains(others, v) })
}

func riverVersions(pool *pgxpool.Pool) ([]int64, error) {
	migrator, err := newRiverMigrator(pool)
	if err != nil {
		return nil, fmt.Errorf("read River's migrations: %w", err)
	}
	var versions []int64
	for _, migration := range migrator.AllVersions() {
		versions = append(versions, int64(migration.Version))
	}
	return versions, nil
}

func ownVersions(pool *pgxpool.Pool) (versions []int64, err error) {
	err = withProvider(pool, func(provider *goose.Provider) error {
		for _, file := range provider.ListSources() {
			versions = append(versions, file.Version)
		}
		return nil
	})
	return versions, err
}
