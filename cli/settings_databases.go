package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

type stateSettings struct {
	StateURL      string `name:"state-url" env:"SLUICE_STATE_URL" placeholder:"URL" help:"State database: postgres://user:password@host:port/database. Defaults to the source database."`
	DatabaseConns int32  `name:"database-conns" env:"SLUICE_DATABASE_CONNS" default:"16" help:"How many connections to the state database one process may open."`

	isSource bool // StateURL is the URL of the source
}

type sourceSettings struct {
	SourceURL    string         `name:"source-url" env:"SLUICE_SOURCE_URL" placeholder:"URL" help:"Source database, which has the FHIR tables: postgres://user:password@host:port/database. A role that may read them is sufficient."`
	SourceSchema string         `name:"source-schema" env:"SLUICE_SOURCE_SCHEMA" default:"public" help:"The schema of the FHIR tables."`
	Tables       []tableMapping `name:"table" env:"SLUICE_TABLES" sep:";" placeholder:"TYPE=TABLE[,HISTORY]" help:"The table of a resource type, and that of its history, where they have other names than the type's: Observation=observation_main,observation_main_history. Without the second name the history is observation_main_history if there is one, with an empty one (a comma at the end) there is none. Repeat it, or separate with semicolons. All processes must have the same."`
	SourceConns  int32          `name:"source-conns" env:"SLUICE_SOURCE_CONNS" default:"0" help:"How many connections one process may read the source with; 0 means as many as its dumps and slots need."`
	rowSecuritySettings
	ReadRate           size          `env:"SLUICE_READ_RATE" default:"0" help:"How many bytes of resources one process reads from the source a second, in exports and dumps together, such as 20MiB; 0 means as fast as it can."`
	SourceCommitMargin time.Duration `name:"source-commit-margin" env:"SLUICE_SOURCE_COMMIT_MARGIN" default:"5m" help:"How long a writing transaction lasts at most, where the source does not show when it began (standby, missing pg_read_all_stats)."`
}

// tableMapping is the setting of the tables of one resource type.
type tableMapping struct{ catalog.Mapping }

// UnmarshalText reads a mapping.
func (m *tableMapping) UnmarshalText(text []byte) (err error) {
	m.Mapping, err = catalog.ParseMapping(string(text))
	return err
}

// mappings are those of the settings.
func (s *sourceSettings) mappings() []catalog.Mapping {
	mappings := make([]catalog.Mapping, len(s.Tables))
	for i, m := range s.Tables {
		mappings[i] = m.Mapping
	}
	return mappings
}

// rowSecuritySettings are those of commands that use the FHIR tables.
type rowSecuritySettings struct {
	RowSecurity bool `env:"SLUICE_ROW_SECURITY" help:"Accept that row-level security hides rows of the source from the role. Without it, a table of which the role does not see all rows is an error, as with pg_dump."`
}

// databases are the two databases, which may be one.
type databases struct {
	stateSettings
	sourceSettings
}

// errNoDatabase is the error of a command that needs the source database.
var errNoDatabase = errors.New("no database: set --source-url (SLUICE_SOURCE_URL), such as postgres://user:password@host/database")

// Validate checks the settings; the state database defaults to the source.
func (s *databases) Validate() error {
	if s.SourceURL == "" {
		return errNoDatabase
	}
	s.stateSettings.defaultTo(s.SourceURL)
	if s.SourceCommitMargin < 0 {
		return errors.New("SLUICE_SOURCE_COMMIT_MARGIN (--source-commit-margin) is 0s or more")
	}
	if s.SourceConns < 0 {
		return errors.New("SLUICE_SOURCE_CONNS (--source-conns) is 0 or more")
	}
	if err := catalog.CheckMappings(s.mappings()); err != nil {
		return fmt.Errorf("--table (SLUICE_TABLES): %w", err)
	}
	return s.stateSettings.Validate()
}

// stateDatabase is the state database of a command that does not use the source.
type stateDatabase struct {
	stateSettings
	SourceURL string `name:"source-url" env:"SLUICE_SOURCE_URL" hidden:""`
}

// Validate checks the settings; the state database defaults to the source.
func (s *stateDatabase) Validate() error {
	s.stateSettings.defaultTo(s.SourceURL)
	return s.stateSettings.Validate()
}

// defaultTo makes the source the state database if no other one is set.
func (s *stateSettings) defaultTo(sourceURL string) {
	if s.StateURL == "" {
		s.StateURL, s.isSource = sourceURL, true
	}
}

// setting returns the name of the setting that the URL is from.
func (s *stateSettings) setting() string {
	if s.isSource {
		return "SLUICE_SOURCE_URL"
	}
	return "SLUICE_STATE_URL"
}

// Validate requires a URL.
func (s *stateSettings) Validate() error {
	if s.StateURL == "" {
		return errNoDatabase
	}
	if s.DatabaseConns < minDatabaseConns {
		return fmt.Errorf("SLUICE_DATABASE_CONNS (--database-conns) is %d or more", minDatabaseConns)
	}
	return nil
}

// stateSession is set for each session of the state database, unless the URL
// says otherwise. A process that is paused, or whose machine is gone, can be in
// the middle of a transaction, and the others, who wait for its locks, could not
// take over its work: after the time of a lease the server ends it. Transactions of
// jobs.Store have only seconds, whatever is set here, but while they publish. All
// statements are short; one that is not has gone wrong, and one that waits for a
// lock that long waits for somebody's maintenance.
var stateSession = map[string]string{
	"application_name":                    "sluice",
	"idle_in_transaction_session_timeout": "20s",
	"lock_timeout":                        "30s",
	"statement_timeout":                   "1min",
}

// migrateSession is the same for migrations, which take as long as they need and
// wait for each other.
var migrateSession = map[string]string{
	"application_name":                    "sluice migrate",
	"idle_in_transaction_session_timeout": "20s",
	"lock_timeout":                        "0",
	"statement_timeout":                   "0",
}

// minDatabaseConns lets River listen and work while a request or two is served.
const minDatabaseConns = 4

// open opens the state database to work with it.
func (s *stateSettings) open(ctx context.Context) (*pgxpool.Pool, error) {
	return s.openWith(ctx, stateSession)
}

// openWith opens the state database with these parameters of its sessions.
func (s *stateSettings) openWith(ctx context.Context, session map[string]string) (*pgxpool.Pool, error) {
	config, err := pgsession.Parse(s.StateURL, pgsession.Options{Defaults: session})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.setting(), err)
	}
	config.MaxConns = s.DatabaseConns
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

// pingState reports whether the state database can be connected to and written to.
// It makes a connection of its own: those of the pool can be older than the state
// of the server.
func pingState(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	switch {
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return fmt.Errorf("the state database is read-only, as a hot standby is or a server with default_transaction_read_only: %w", err)
	case err != nil:
		return fmt.Errorf("the state database: %w", err)
	}
	return conn.Close(ctx)
}

// catalogConns is how many connections are for short questions, so that these
// need not wait until a dump or a part has ended.
const catalogConns = 2

// suffices tells whether there are connections for so many readers.
func (s *sourceSettings) suffices(readers int) error {
	if needed := readers + catalogConns; s.SourceConns != 0 && int(s.SourceConns) < needed {
		return fmt.Errorf("SLUICE_SOURCE_CONNS (--source-conns) is too low: as many dumps and slots as are allowed need %d connections", needed)
	}
	return nil
}

// spares is how many connections there are for second and further readers of dumps,
// where so many readers are needed at the same time and so many spares wanted.
func (s *sourceSettings) spares(readers, wanted int) int {
	if s.SourceConns != 0 {
		wanted = min(wanted, int(s.SourceConns)-catalogConns-readers)
	}
	return wanted
}

// open opens the source for so many readers at the same time, and as many spares
// of those wanted as there is room for.
func (s *sourceSettings) open(ctx context.Context, readers, wanted int) (*source.Source, error) {
	spares := s.spares(readers, wanted)
	needed := readers + spares + catalogConns
	opened, err := source.Open(ctx, source.Config{
		CommitMargin:  s.SourceCommitMargin,
		MaxConns:      max(s.SourceConns, int32(min(needed, math.MaxInt32))),
		ReadRate:      int64(s.ReadRate),
		ResourceTypes: fhir.R4().ResourceTypes(),
		RowSecurity:   s.RowSecurity,
		Schema:        s.SourceSchema,
		Spares:        spares,
		Tables:        s.mappings(),
		URL:           s.SourceURL,
	})
	if err != nil {
		return nil, fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	return opened, nil
}
