// Package source reads FHIR resources out of PostgreSQL tables laid out the
// way Aidbox (and its ancestor Fhirbase) lays them out: one table per resource
// type, the resource in a jsonb column.
//
// It knows the catalog (which tables there are and how large), scans (the rows
// of a table or of a range of its blocks, straight from the wire), and
// snapshots (one database state that many connections share). It only reads:
// every session it opens is read-only.
//
// It must not know what a resource means, how a line of output looks, or what
// an export is.
package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
)

// Defaults of Config.
const (
	DefaultApplicationName = "sluice"
	DefaultGiveWay         = 15 * time.Second
	DefaultMaxConns        = 16
	DefaultSchema          = "public"
	DefaultShareBytes      = 32 << 20
)

// Config says which database to read and how.
type Config struct {
	// ApplicationName is what pg_stat_activity shows for the sessions, with
	// connpool.ApplicationSuffix after it. Defaults to DefaultApplicationName.
	ApplicationName string

	// CommitMargin is how long a writing transaction is thought to last at most
	// where PostgreSQL does not show its start: transactions of other roles
	// when the role lacks pg_read_all_stats, transactions of the primary when
	// the source is a hot standby, prepared transactions. A snapshot taken
	// there has a TransactionTime that much earlier.
	CommitMargin time.Duration

	// GiveWay is how long another session may wait for a table that a Snapshot or
	// a scan has locked, before the Snapshot is given up (Snapshot.Watch) or the
	// scan ended (ErrInTheWay). Defaults to DefaultGiveWay.
	GiveWay time.Duration

	// MaxConns bounds the connections that scans and catalog queries use; what
	// comes on top waits. Each open Snapshot holds one more, outside the bound,
	// so that holders can never starve the scans they wait for; so do the monitor of
	// long scans and, for a moment, a search for the server of a snapshot. Defaults to
	// DefaultMaxConns.
	MaxConns int32

	// ReadRate bounds how much all scans of this Source read together, in bytes
	// of resources as jsonb text a second. Rows that a scan leaves out do not
	// count. 0 means no limit.
	ReadRate int64

	// ResourceTypes are those that are known to have tables of their names. Others that
	// are asked for may have some, too, but their tables' rows are looked into. Without
	// any, only tables with the names of their types are found.
	ResourceTypes []string

	// RowSecurity lets row-level security hide rows from the role. Without it, a table
	// of which the role does not see all rows cannot be read (*UnreadableError), and
	// other queries that are affected fail (HidesRows).
	RowSecurity bool

	// Schema is the schema of the FHIR tables. Defaults to DefaultSchema.
	Schema string

	// ShareBytes is how much of a table, as it lies on disk, is worth a connection
	// of its own to ParallelScan. Defaults to DefaultShareBytes.
	ShareBytes int64

	// Spares is how many of MaxConns ParallelScan may use for second and further
	// readers, in all scans together. 0 means that one reader does each scan.
	Spares int

	// Tables names tables of resource types. The table of any other type is the one
	// with the type's name or, if there is none, one whose rows name the type.
	Tables []catalog.Mapping

	// URL is the connection string, in any form libpq understands. The role
	// needs CONNECT, USAGE on the schema and SELECT on the tables. The URL may lead
	// to several servers that have the same tables: what belongs to one snapshot is
	// read from one of them.
	URL string
}

func (c Config) withDefaults() Config {
	c.ApplicationName = cmp.Or(c.ApplicationName, DefaultApplicationName)
	c.GiveWay = cmp.Or(c.GiveWay, DefaultGiveWay)
	c.MaxConns = cmp.Or(c.MaxConns, DefaultMaxConns)
	c.Schema = cmp.Or(c.Schema, DefaultSchema)
	c.ShareBytes = cmp.Or(c.ShareBytes, DefaultShareBytes)
	return c
}

// Source is a database of FHIR tables. It is safe for concurrent use.
type Source struct {
	catalog *catalog.Catalog
	config  Config
	limiter *rate.Limiter
	pool    *connpool.Pool
}

// Open prepares access to the database. It fails if the URL is invalid; the server need
// not be up yet (see Ping). Close releases it.
func Open(ctx context.Context, cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	pool, err := connpool.Open(ctx, connpool.Config{
		ApplicationName: cfg.ApplicationName,
		GiveWay:         cfg.GiveWay,
		MaxConns:        cfg.MaxConns,
		RowSecurity:     cfg.RowSecurity,
		Schema:          cfg.Schema,
		Spares:          cfg.Spares,
		URL:             cfg.URL,
	})
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	tables, err := catalog.New(catalog.Config{
		Schema:        cfg.Schema,
		ResourceTypes: cfg.ResourceTypes,
		Mappings:      cfg.Tables,
		Connect:       pool.Connect,
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("source: %w", err)
	}
	return &Source{catalog: tables, config: cfg, limiter: newRateLimiter(cfg.ReadRate), pool: pool}, nil
}

// Close closes the connections. It waits for running scans to end, so their
// contexts must be cancelled first. Snapshots have their own Close.
func (s *Source) Close() { s.pool.Close() }

// Ping tells whether the database answers and is one that Source can read
// (ErrOldServer if its version is below 14, ErrNoSchema if the schema is not
// there: without it, everything would look empty). It makes a connection of its own
// for that, so that scans that take all of the others do not look like a
// database that is down.
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
	if err != nil {
		return errors.Join(fmt.Errorf("source: %w", err), conn.Close(ctx))
	}
	return conn.Close(ctx)
}

const schemaExistsSQL = `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`
