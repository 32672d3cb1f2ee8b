package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// The reasons why a process can't work with a state database. Each error that
// Check returns for one of them is a sentence for the operator.
var (
	// ErrDenied means that the role lacks privileges on tables of the state database.
	ErrDenied = errors.New("missing privileges on the state database")

	// ErrNewer means that the state database has migrations that this version does
	// not know. A newer version applied them, and they may change what tables mean.
	ErrNewer = errors.New("the state database is newer than this version of sluice")

	// ErrPending means that the state database lacks migrations of this version.
	ErrPending = errors.New("the state database is not migrated: run sluice migrate")
)

// catalog is what the system catalog shows of the state database, whatever the
// role may read.
type catalog struct {
	Role string

	// Migrated reports whether both River's migrations and Sluice's own were ever
	// applied.
	Migrated bool

	// Lacking are the privileges that the role lacks.
	Lacking []string
}

// catalogSQL lists no privileges on tables for a role without USAGE on their schema:
// they are of no use. The tables of migrations are only read, and the sequence of an
// identity column (deptype i) needs no privilege.
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
    SELECT string_agg(p.privilege, ', ') || ' on ' || format('%I.%I', n.nspname, n.relname)
    FROM needed n CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('USAGE')) AS p (privilege)
    WHERE CASE
        WHEN n.relkind = 'S' THEN p.privilege = 'USAGE' AND NOT has_sequence_privilege(n.oid, 'USAGE')
        WHEN p.privilege = 'USAGE' THEN false
        ELSE (p.privilege = 'SELECT' OR NOT n.read_only) AND NOT has_table_privilege(n.oid, p.privilege)
    END
    GROUP BY n.nspname, n.relname
)
SELECT current_user::text,
    (SELECT count(*) = 2 FROM pg_class c JOIN own s ON s.oid = c.relnamespace WHERE c.relname IN ('migration', 'river_migration')),
    ARRAY(SELECT what FROM lacking ORDER BY what)`

// versionsSQL also reads a table of River's that has no column "line" yet.
const versionsSQL = `
SELECT ARRAY(SELECT r.version FROM sluice.river_migration r WHERE coalesce(to_jsonb(r)->>'line', 'main') = 'main' ORDER BY 1),
       ARRAY(SELECT m.version_id FROM sluice.migration m WHERE m.is_applied ORDER BY 1)`

// Check reports whether this version can work with the state database as it is:
// nil, or an error that matches one of ErrPending, ErrNewer and ErrDenied. It
// changes nothing.
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

// check finds what stands in the way of reading the versions.
func (c *catalog) check() error {
	switch {
	case !c.Migrated:
		return ErrPending
	case len(c.Lacking) > 0:
		return fmt.Errorf("%w: role %s lacks %s", ErrDenied, c.Role, strings.Join(c.Lacking, "; "))
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
		if version != 0 { // goose's mark that the table is there
			unknown = append(unknown, fmt.Sprintf("%05d", version))
		}
	}
	for _, version := range missing(river, knownRiver) {
		unknown = append(unknown, fmt.Sprintf("%03d of River", version))
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("%w: upgrade this process, which does not know the migrations %s", ErrNewer, strings.Join(unknown, ", "))
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
