package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry/trace"
)

type stateSettings struct {
	StateURL string `name:"state-url" env:"SLUICE_STATE_URL" fromfile:"" placeholder:"URL" help:"State database: postgres://user:password@host:port/database. Defaults to the source database."`

	isSource bool // StateURL is the URL of the source
}

// defaultTo makes the source the state database if no other one is set.
func (s *stateSettings) defaultTo(sourceURL string) {
	if s.StateURL == "" {
		s.StateURL, s.isSource = sourceURL, true
	}
}

// setting names the setting that the URL is from.
func (s *stateSettings) setting() string {
	if s.isSource {
		return setting("source-url")
	}
	return setting("state-url")
}

// errNoDatabase is the error of a command without a database.
var errNoDatabase = fmt.Errorf("no database: set %s, such as postgres://user:password@host/database", setting("source-url"))

// stateDatabase is the state database of a command that does not use the source.
type stateDatabase struct {
	SourceURL     string `name:"source-url" env:"SLUICE_SOURCE_URL" fromfile:"" placeholder:"URL" group:"databases" help:"Source database, which is the state database unless another one is set."`
	stateSettings `group:"databases"`
}

// Validate checks the settings. The state database defaults to the source.
func (s *stateDatabase) Validate() error {
	s.defaultTo(s.SourceURL)
	if s.StateURL == "" {
		return errNoDatabase
	}
	return nil
}

type sourceSettings struct {
	SourceURL    string            `name:"source-url" env:"SLUICE_SOURCE_URL" fromfile:"" placeholder:"URL" help:"Source database, which has the FHIR tables: postgres://user:password@host:port/database. A role that may read them is sufficient. Required."`
	SourceSchema string            `name:"source-schema" env:"SLUICE_SOURCE_SCHEMA" default:"${source_schema}" help:"Schema of the FHIR tables."`
	Tables       []catalog.Mapping `name:"table" env:"SLUICE_TABLES" sep:";" placeholder:"TYPE=TABLE[,HISTORY]" help:"Table of a resource type, and its history table, if their names are not those of the type: Observation=observation_main,observation_main_history. Without a second name the history is <table>_history if it exists; with an empty one (a trailing comma) there is none. Repeatable, or separated by semicolons. All processes must have the same."`
	rowSecuritySettings
	JSONB              string        `name:"jsonb" env:"SLUICE_JSONB" default:"auto" enum:"auto,text,stored" help:"Form of jsonb in which resources are read: text, stored (a quarter of the load on PostgreSQL, requires a cast that a superuser creates), or auto (stored if possible, else text). With stored, a process refuses to start if it is not possible."`
	SourceCommitMargin time.Duration `name:"source-commit-margin" env:"SLUICE_SOURCE_COMMIT_MARGIN" default:"5m" help:"Maximum duration of writing transactions, for a source that does not show when they began (hot standby, or a role without pg_read_all_stats). transactionTime is earlier by it."`
	ReadBytesPerSecond size          `group:"limits" env:"SLUICE_READ_BYTES_PER_SECOND" default:"0" help:"Maximum size of the resources that a process reads from the source per second, in exports and dumps together, such as 20MiB (0 = unlimited). Their size is the one in the form of --jsonb; the stored form is about a tenth larger than text."`
}

// rowSecuritySettings are the settings of row-level security.
type rowSecuritySettings struct {
	RowSecurity bool `env:"SLUICE_ROW_SECURITY" help:"Accept that row-level security hides rows of the source from the role. Without it, a table with hidden rows is an error, as with pg_dump."`
}

// Validate checks the settings.
func (s *sourceSettings) Validate() error {
	if s.SourceURL == "" {
		return errNoDatabase
	}
	if err := catalog.CheckMappings(s.Tables); err != nil {
		return fmt.Errorf("--table (SLUICE_TABLES): %w", err)
	}
	return checkMin("source-commit-margin", s.SourceCommitMargin, 0)
}

// databases are the source and the state database, which may be one.
type databases struct {
	sourceSettings `group:"databases"`
	stateSettings  `group:"databases"`
}

// Validate checks the settings. The state database defaults to the source.
func (s *databases) Validate() error {
	s.defaultTo(s.SourceURL)
	return s.sourceSettings.Validate()
}

// stateSession has the settings of sessions of the state database, unless the URL has
// others. The server ends the transaction of a process that was paused or lost its
// machine, so that others can take over its work after a lease has expired. The
// transactions of jobs.Store, except for publishing, have shorter limits of their own.
// Statements are short; one that takes a minute is faulty, and one that waits 30 seconds
// for a lock waits for maintenance.
var stateSession = map[string]string{
	"application_name":                    "sluice",
	"idle_in_transaction_session_timeout": "20s",
	"lock_timeout":                        "30s",
	"statement_timeout":                   "1min",
}

// migrateSession has the settings of sessions for migrations, which wait for each other
// and have no time limit.
var migrateSession = map[string]string{
	"application_name":                    "sluice migrate",
	"idle_in_transaction_session_timeout": "20s",
	"lock_timeout":                        "0",
	"statement_timeout":                   "0",
}

// stateConns limits the connections of a process to the state database. All statements
// are short, and River's listener takes one.
const stateConns = 16

// open opens the state database. tracing, if not nil, records its statements.
func (s *stateSettings) open(ctx context.Context, tracing *trace.Provider) (*pgxpool.Pool, error) {
	return s.openWith(ctx, tracing.QueryTracer("state"), stateSession)
}

// openWith opens the state database with these settings of its sessions.
func (s *stateSettings) openWith(ctx context.Context, tracer pgx.QueryTracer, session map[string]string) (*pgxpool.Pool, error) {
	config, err := pgsession.Parse(s.StateURL, pgsession.Options{Defaults: session})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.setting(), err)
	}
	config.MaxConns = stateConns
	config.ConnConfig.Tracer = tracer
	config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.setting(), err)
	}
	if err := pingState(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// pingState returns an error unless the state database accepts connections and writes. It
// opens a new connection, since the server can have become read-only after the pool's
// connections were opened.
func pingState(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return fmt.Errorf("the state database is read-only (a hot standby, or default_transaction_read_only is on): %w", err)
	case err != nil:
		return fmt.Errorf("state database: %w", err)
	}
	return conn.Close(ctx)
}

// catalogConns is the number of connections for catalog queries, which need not wait
// until a dump or a part has ended.
const catalogConns = 2

// open opens the source for up to readers dumps and parts at the same time, and spares
// further connections that large dumps share. report, if not nil, is source.Config's
// ReportForm, and tracing records statements.
func (s *sourceSettings) open(ctx context.Context, tracing *trace.Provider, readers, spares int, report func(form.Decision)) (*source.Source, error) {
	opened, err := source.Open(ctx, source.Config{
		CommitMargin:  s.SourceCommitMargin,
		JSONB:         form.Mode(s.JSONB),
		MaxConns:      int32(readers + spares + catalogConns),
		ReadRate:      int64(s.ReadBytesPerSecond),
		ReportForm:    report,
		ResourceTypes: fhir.R4().ResourceTypes(),
		RowSecurity:   s.RowSecurity,
		Schema:        s.SourceSchema,
		Spares:        spares,
		Tables:        s.Tables,
		Tracer:        tracing.QueryTracer("source"),
		URL:           s.SourceURL,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting("source-url"), err)
	}
	return opened, nil
}

type storageSettings struct {
	S3URL        string `name:"s3-url" env:"SLUICE_S3_URL" fromfile:"" placeholder:"URL" group:"storage" help:"Bucket and prefix for files: http(s)://key:secret@host:port/bucket/prefix?region=REGION. Without key and secret, the credentials of the AWS environment are used. Required."`
	S3PublicURL  string `name:"s3-public-url" env:"SLUICE_S3_PUBLIC_URL" placeholder:"URL" group:"storage" help:"Address of the object store for clients, scheme://host:port, if it differs."`
	S3Encryption string `name:"s3-encryption" env:"SLUICE_S3_ENCRYPTION" placeholder:"KIND" group:"storage" help:"Encryption that the object store is asked for: SSE-S3, SSE-KMS or SSE-KMS:<key id>. Defaults to the bucket's own setting."`
}

// Validate requires a URL.
func (s *storageSettings) Validate() error {
	if s.S3URL == "" {
		return fmt.Errorf("no object store: set %s, such as https://key:secret@host/bucket/prefix", setting("s3-url"))
	}
	return nil
}

// open opens the bucket. registry, if not nil, gets its metrics.
func (s *storageSettings) open(registry prometheus.Registerer) (*storage.Bucket, error) {
	bucket, err := storage.Open(storage.Config{URL: s.S3URL, PublicURL: s.S3PublicURL, Encryption: s.S3Encryption, Registry: registry})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting("s3-url"), err)
	}
	return bucket, nil
}
