// Package source reads FHIR resources out of PostgreSQL tables laid out the
// way Aidbox (and its ancestor Fhirbase) lays them out: one table per resource
// type, the resource in a jsonb column.
//
// A Scan reads the rows of a table or of a range of its pages, straight from the wire.
// A Snapshot is one database state that many connections share; a Reader is a
// connection that sees it. The tables are found by package catalog, and the connections
// made by package connpool. Every session is read-only. Resources arrive as text or as
// PostgreSQL stores them, which package form decides; a Row says which.
//
// It must not know what a resource means, what a line of output looks like, or what an
// export is.
package source

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
)

// Defaults of Config.
const (
	defaultApplicationName = "sluice"
	defaultGiveWay         = 15 * time.Second
	defaultMaxConns        = 16
	DefaultSchema          = "public"
	defaultBytesPerReader  = 32 << 20
)

// Config says which database to read and how.
type Config struct {
	// ApplicationName is what pg_stat_activity shows for the sessions, with
	// connpool.ApplicationSuffix after it. Defaults to sluice.
	ApplicationName string

	// CommitMargin is the assumed maximum duration of a writing transaction whose start
	// PostgreSQL does not show: transactions of other roles if the role lacks
	// pg_read_all_stats, transactions of the primary if the source is a hot standby, and
	// prepared transactions. The TransactionTime of a snapshot is then earlier by the
	// margin. Defaults to 0, no margin.
	CommitMargin time.Duration

	// GiveWay is how long another session may wait for a table that a Snapshot or a scan
	// has locked. After that, Snapshot.Watch returns and the scan ends, with ErrInTheWay.
	// Defaults to 15 s.
	GiveWay time.Duration

	// JSONB is the form in which resources are read. Defaults to form.Auto.
	JSONB form.Mode

	// ReportForm, if set, is called when the form in which resources are read is known,
	// and when it changes. It must return quickly, and can be called concurrently.
	ReportForm func(form.Decision)

	// MaxConns limits the connections of scans and catalog queries; further ones wait.
	// Each open Snapshot uses one more, so that snapshots cannot starve the scans that
	// they wait for. So do the monitor of long scans and, for a moment, the search for
	// the server of a snapshot. Defaults to 16.
	MaxConns int32

	// ReadRate limits what all scans of this Source read together, in bytes of resources
	// per second, as they are received (Row.Resource). Rows that a condition excludes do
	// not count. Defaults to 0, no limit.
	ReadRate int64

	// ResourceTypes are the known resource types. The rows of tables that have none of
	// their names are sampled for other types. If it is empty, only tables with the names
	// of their types are found.
	ResourceTypes []string

	// RowSecurity lets row-level security hide rows from the role. Without it, a table
	// of which the role does not see all rows cannot be read (*catalog.UnreadableError),
	// and other affected queries fail (IsRowSecurityError).
	RowSecurity bool

	// Schema is the schema of the FHIR tables. Defaults to DefaultSchema.
	Schema string

	// BytesPerReader is the size on disk of a table for which ParallelScan opens one
	// reader: a table of twice the size gets two. Defaults to 32 MiB.
	BytesPerReader int64

	// Spares is how many of MaxConns may be used for the second and further readers of
	// all ParallelScans together. Defaults to 0: each scan has one reader.
	Spares int

	// Tracer, if set, is called for statements except those that read resources.
	Tracer pgx.QueryTracer

	// Tables maps resource types to tables. The table of any other type is the one with
	// the type's name or, without such a table, one whose rows name the type.
	Tables []catalog.Mapping

	// URL is the connection string, in any form that libpq understands. The role needs
	// CONNECT, USAGE on the schema and SELECT on the tables. The URL may lead to several
	// servers that have the same tables; each snapshot is read from one of them.
	URL string
}

func (c Config) withDefaults() Config {
	c.ApplicationName = cmp.Or(c.ApplicationName, defaultApplicationName)
	c.JSONB = cmp.Or(c.JSONB, form.Auto)
	c.GiveWay = cmp.Or(c.GiveWay, defaultGiveWay)
	c.MaxConns = cmp.Or(c.MaxConns, defaultMaxConns)
	c.Schema = cmp.Or(c.Schema, DefaultSchema)
	c.BytesPerReader = cmp.Or(c.BytesPerReader, defaultBytesPerReader)
	return c
}

// Source is a database of FHIR tables. It is safe for concurrent use.
type Source struct {
	catalog *catalog.Catalog
	config  Config
	forms   *form.Chooser
	limiter *limiter
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
		Tracer:          cfg.Tracer,
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
	return &Source{
		catalog: tables,
		config:  cfg,
		forms:   form.NewChooser(cfg.JSONB, cfg.ReportForm),
		limiter: newRateLimiter(cfg.ReadRate),
		pool:    pool,
	}, nil
}

// Close closes the connections. It waits for running scans to end, so their
// contexts must be cancelled first. Snapshots have their own Close.
func (s *Source) Close() { s.pool.Close() }

// PoolStats returns the statistics of the connections of scans and catalog queries.
func (s *Source) PoolStats() connpool.Stats { return s.pool.Stats() }
