package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/pgsession"
)

// unnamedTable is a table with the layout of a FHIR table but not the name of a resource
// type. types are the resource types of a sample of its rows.
type unnamedTable struct {
	name     string
	types    []string
	children []string // the names, in lower case, of the tables that inherit from it
}

// unnamed caches such tables. It samples the rows of each once: the result is valid until
// the table is truncated or rewritten. Only tables without rows are sampled again. It is
// safe for concurrent use.
type unnamed struct {
	mu     sync.Mutex
	known  map[tableFile][]string
	found  []unnamedTable
	listed time.Time
}

// tableFile identifies a table until it is truncated or rewritten.
type tableFile struct{ oid, file uint32 }

// unnamedSQL lists the tables of the schema $1 that have the layout of a FHIR table, may
// be read, have none of the names $2, ignoring case, or $3, and are not the history of
// another table. Tables that inherit from another are left out, and so are the parents of
// tables with such names. Rows of a table that is locked, as by VACUUM FULL, cannot be
// read without waiting.
const unnamedSQL = `
SELECT c.oid, c.relfilenode, c.relname::text, c.oid = ANY(ARRAY(
		SELECT l.relation FROM pg_locks AS l WHERE l.relation IS NOT NULL AND l.mode = 'AccessExclusiveLock')),
	EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'resource_type' AND NOT a.attisdropped
		AND has_column_privilege(c.oid, a.attnum, 'SELECT')),
	ARRAY(SELECT lower(k.relname) FROM pg_inherits AS i JOIN pg_class AS k ON k.oid = i.inhrelid WHERE i.inhparent = c.oid)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND has_schema_privilege(n.oid, 'USAGE')
	AND c.relkind IN ('r', 'p') AND NOT (row_security_active(c.oid) AND (current_setting('row_security') = 'off' OR c.relhassubclass))
	AND lower(c.relname) <> ALL($2) AND c.relname <> ALL($3)
	AND NOT (c.relname LIKE '%\_history' AND EXISTS (
		SELECT FROM pg_class AS b WHERE b.relnamespace = c.relnamespace AND b.relname = left(c.relname::text, -8)::name))
	AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
	AND NOT EXISTS (
		SELECT FROM pg_inherits AS i JOIN pg_class AS k ON k.oid = i.inhrelid
		WHERE i.inhparent = c.oid AND (lower(k.relname) = ANY($2) OR k.relname = ANY($3)))
	AND 4 = (
		SELECT count(*) FROM pg_attribute AS a
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')
			AND (a.attname = 'id' OR a.attname = 'txid' AND a.atttypid IN ('bigint'::regtype, 'integer'::regtype)
				OR a.attname = 'ts' AND a.atttypid = 'timestamptz'::regtype
				OR a.attname = 'resource' AND a.atttypid IN ('jsonb'::regtype, 'json'::regtype)))
ORDER BY c.relname`

// namesOfTypes returns the names of the tables of known types, which are not sampled.
func (c *Catalog) namesOfTypes() []string {
	names := make([]string, len(c.config.ResourceTypes))
	for i, resourceType := range c.config.ResourceTypes {
		names[i] = strings.ToLower(resourceType)
	}
	return names
}

// Discovery says how to find tables without the name of a type, for which their rows are
// sampled.
type Discovery struct {
	// DB is a connection outside of any transaction: a transaction would keep locks on
	// unrelated tables. If it is nil, a connection is opened.
	DB Querier

	// MaxAge is the maximum age of a cached result.
	MaxAge time.Duration
}

// findUnnamed returns the tables whose rows name another type than the table's name does.
func (c *Catalog) findUnnamed(ctx context.Context, discovery Discovery) ([]unnamedTable, error) {
	if len(c.config.ResourceTypes) == 0 {
		return nil, nil
	}
	u := c.unnamed
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.listed.IsZero() && time.Since(u.listed) < discovery.MaxAge {
		return u.found, nil
	}
	db := discovery.DB
	if db == nil {
		conn, err := c.config.Connect(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		db = conn
	}
	all, err := c.listUnnamed(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := u.sampleTables(ctx, db, all); err != nil {
		return nil, err
	}
	found := []unnamedTable{}
	for _, l := range all {
		types := u.known[l.tableFile]
		if len(types) > 1 || len(types) == 1 && strings.ToLower(types[0]) != l.name {
			found = append(found, unnamedTable{name: l.name, types: types, children: l.children})
		}
	}
	u.found, u.listed = found, time.Now()
	return found, nil
}

// sampleTables finds the types of the rows of these tables, unless they are known.
func (u *unnamed) sampleTables(ctx context.Context, db Querier, all []listedTable) error {
	unknown := slices.DeleteFunc(slices.Clone(all), func(l listedTable) bool {
		_, known := u.known[l.tableFile]
		return known || l.locked
	})
	if len(unknown) == 0 {
		return nil
	}
	measured := make([]*candidate, len(unknown))
	for i, l := range unknown {
		measured[i] = &candidate{oid: l.oid}
	}
	if err := measure(ctx, db, measured); err != nil {
		return err
	}
	for i, l := range unknown {
		types, err := sample(ctx, db, sampled(measured[i].table.Members), l.hasTypeName)
		var pgErr *pgconn.PgError
		switch {
		case errors.As(err, &pgErr) && pgsession.IsPermanent(pgErr):
			continue // it was dropped, or its rows cannot be computed
		case err != nil:
			return fmt.Errorf("sample table %s: %w", l.name, err)
		}
		if len(types) > 0 {
			u.known[l.tableFile] = types
		}
	}
	return nil
}

// listedTable is a row of unnamedSQL.
type listedTable struct {
	tableFile

	schema, name        string
	locked, hasTypeName bool
	children            []string
}

func (c *Catalog) listUnnamed(ctx context.Context, db Querier) ([]listedTable, error) {
	rows, err := db.Query(ctx, unnamedSQL, c.config.Schema, c.namesOfTypes(), c.mappedNames())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (listedTable, error) {
		l := listedTable{schema: c.config.Schema}
		err := row.Scan(&l.oid, &l.file, &l.name, &l.locked, &l.hasTypeName, &l.children)
		return l, err
	})
}
