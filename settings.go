package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
)

// A settings struct holds what belongs together. Its tags are flags,
// environment variables, defaults and help at once; the README's table is made
// from them.

type logSettings struct {
	Level  string `env:"SLUICE_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"What to log: debug, info, warn or error."`
	Format string `env:"SLUICE_LOG_FORMAT" default:"auto" enum:"auto,json,text" help:"How to log: json, text, or auto, which is text on a terminal."`
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// logger writes to standard error.
func (s logSettings) logger(out *output) *slog.Logger {
	options := &slog.HandlerOptions{Level: levels[s.Level]}
	if s.Format == "text" || s.Format == "auto" && isTerminal(out.stderr) {
		return slog.New(slog.NewTextHandler(out.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(out.stderr, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

type stateSettings struct {
	DatabaseURL   string `name:"database-url" env:"SLUICE_DATABASE_URL" placeholder:"URL" help:"The state database: postgres://user:password@host:port/database. Defaults to the source."`
	DatabaseConns int32  `name:"database-conns" env:"SLUICE_DATABASE_CONNS" default:"16" help:"How many connections to the state database one process may open."`
}

type sourceSettings struct {
	SourceURL          string        `name:"source-url" env:"SLUICE_SOURCE_URL" placeholder:"URL" help:"The database with the FHIR tables; a role that may read them is enough. Defaults to the state database."`
	SourceSchema       string        `name:"source-schema" env:"SLUICE_SOURCE_SCHEMA" default:"public" help:"The schema of the FHIR tables."`
	SourceConns        int32         `name:"source-conns" env:"SLUICE_SOURCE_CONNS" default:"0" help:"How many connections one process may read the source with; 0 means as many as its dumps and slots need."`
	ReadRate           size          `env:"SLUICE_READ_RATE" default:"0" help:"How many bytes of resources one process reads from the source a second, in exports and dumps together, such as 20MiB; 0 means as fast as it can."`
	SourceCommitMargin time.Duration `name:"source-commit-margin" env:"SLUICE_SOURCE_COMMIT_MARGIN" default:"5m" help:"How long a writing transaction lasts at most, where the source does not show when it began (standby, missing pg_read_all_stats)."`
}

// urlForm says what a database's URL looks like.
const urlForm = "it is postgres://user:password@host:port/database, with reserved characters percent-encoded"

// databases are the two databases, each of which can stand in for the other.
type databases struct {
	stateSettings
	sourceSettings
}

// Validate fills in the one that is missing.
func (s *databases) Validate() error {
	s.DatabaseURL, s.SourceURL = cmp.Or(s.DatabaseURL, s.SourceURL), cmp.Or(s.SourceURL, s.DatabaseURL)
	if s.SourceCommitMargin < 0 {
		return errors.New("SLUICE_SOURCE_COMMIT_MARGIN (--source-commit-margin) is 0s or more")
	}
	if s.SourceConns < 0 {
		return errors.New("SLUICE_SOURCE_CONNS (--source-conns) is 0 or more")
	}
	return s.stateSettings.Validate()
}

// stateDatabase is the state database of a command that reads no source.
type stateDatabase struct {
	stateSettings
	SourceURL string `name:"source-url" env:"SLUICE_SOURCE_URL" hidden:""`
}

// Validate fills in the source for what is missing.
func (s *stateDatabase) Validate() error {
	s.DatabaseURL = cmp.Or(s.DatabaseURL, s.SourceURL)
	return s.stateSettings.Validate()
}

// Validate asks for what has no default.
func (s *stateSettings) Validate() error {
	if s.DatabaseURL == "" {
		return errors.New("no database: set SLUICE_DATABASE_URL (--database-url), such as postgres://user:password@host/database")
	}
	if s.DatabaseConns < minDatabaseConns {
		return fmt.Errorf("SLUICE_DATABASE_CONNS (--database-conns) is %d or more", minDatabaseConns)
	}
	return nil
}

// stateSession is set for each session of the state database, unless the URL
// says otherwise. A process that is paused, or whose machine is gone, can be in
// the middle of a transaction, and the others, who wait for its locks, could not
// take over its work: after the time of a lease the server ends it.
var stateSession = map[string]string{
	"application_name":                    "sluice",
	"idle_in_transaction_session_timeout": "20s",
}

// minDatabaseConns lets River listen and work while a request or two is served.
const minDatabaseConns = 4

// open opens the state database.
func (s *stateSettings) open(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.DatabaseURL)
	if err != nil { // whose text may hold the password
		return nil, errors.New("SLUICE_DATABASE_URL can't be read: " + urlForm)
	}
	config.MaxConns = s.DatabaseConns
	for name, value := range stateSession {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_DATABASE_URL: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the state database: %w", err)
	}
	return pool, nil
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
	if _, err := pgxpool.ParseConfig(s.SourceURL); err != nil {
		return nil, errors.New("SLUICE_SOURCE_URL can't be read: " + urlForm)
	}
	opened, err := source.Open(ctx, source.Config{
		CommitMargin: cmp.Or(s.SourceCommitMargin, -1), // zero means none here
		MaxConns:     max(s.SourceConns, int32(min(needed, math.MaxInt32))),
		ReadRate:     int64(s.ReadRate),
		Schema:       s.SourceSchema,
		Spares:       spares,
		URL:          s.SourceURL,
	})
	if err != nil {
		return nil, fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	return opened, nil
}

type storageSettings struct {
	S3URL       string `name:"s3-url" env:"SLUICE_S3_URL" placeholder:"URL" help:"Where files go: http(s)://key:secret@host:port/bucket/prefix?region=…. Without key and secret, the usual AWS ways of finding them are taken."`
	S3PublicURL string `name:"s3-public-url" env:"SLUICE_S3_PUBLIC_URL" placeholder:"URL" help:"The scheme://host:port that clients reach the object store by, if it is another."`
}

// Validate asks for what has no default.
func (s *storageSettings) Validate() error {
	if s.S3URL == "" {
		return errors.New("no object storage: set SLUICE_S3_URL (--s3-url), such as https://key:secret@host/bucket/prefix")
	}
	return nil
}

func (s *storageSettings) open() (*storage.Bucket, error) {
	bucket, err := storage.Open(storage.Config{URL: s.S3URL, PublicURL: s.S3PublicURL})
	if err != nil {
		return nil, fmt.Errorf("SLUICE_S3_URL: %w", err)
	}
	return bucket, nil
}

type httpSettings struct {
	Listen        string        `env:"SLUICE_LISTEN" default:"127.0.0.1:8080" help:"The address to answer requests on."`
	BaseURL       string        `name:"base-url" env:"SLUICE_BASE_URL" placeholder:"URL" help:"The address clients know Sluice by. Defaults to the one each request was sent to."`
	MaxDumps      int           `env:"SLUICE_MAX_DUMPS" default:"8" help:"How many synchronous dumps may run at the same time."`
	DumpReaders   int           `env:"SLUICE_DUMP_READERS" default:"0" help:"How many connections one dump of a large table may read by; 1 means one, 0 one for each processor, up to 4. All dumps together have one each and as many more as one may have."`
	ClientExports int           `env:"SLUICE_CLIENT_EXPORTS" default:"10" help:"How many exports of one client may be accepted or running; 0 means no limit."`
	TotalExports  int           `env:"SLUICE_TOTAL_EXPORTS" default:"100" help:"How many exports may be accepted or running in all; 0 means no limit."`
	LinkLife      time.Duration `env:"SLUICE_LINK_LIFE" default:"1h" help:"How long a link of a manifest works; each poll signs new ones."`
	StallTimeout  time.Duration `env:"SLUICE_STALL_TIMEOUT" default:"1m" help:"How long a client may take no byte before it is cut off."`
	DrainTimeout  time.Duration `env:"SLUICE_DRAIN_TIMEOUT" default:"30s" help:"How long running requests may go on after the signal to stop."`
}

// listen begins to take connections; they wait until they are served.
func (s *httpSettings) listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_LISTEN: %w", err)
	}
	return listener, nil
}

// dumps is how many connections dumps may take at the same time.
func (s *httpSettings) dumps() int { return s.MaxDumps }

// maxReaders is as many connections as a dump reads by unless it is told to take
// more: a client's network is seldom faster.
const maxReaders = 4

// spareReaders is how many connections dumps may take besides one each.
func (s *httpSettings) spareReaders() int {
	return cmp.Or(s.DumpReaders, min(runtime.NumCPU(), maxReaders)) - 1
}

// maxLinkLife is what signature version 4 allows.
const maxLinkLife = 7 * 24 * time.Hour

// Validate checks what would else be found out by the first client.
func (s *httpSettings) Validate() error {
	if s.BaseURL != "" {
		u, err := url.Parse(s.BaseURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("SLUICE_BASE_URL (--base-url) is an address such as https://fhir.example.org, not %q", s.BaseURL)
		}
		s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	}
	if s.DumpReaders < 0 || s.DumpReaders > maxSlots {
		return fmt.Errorf("SLUICE_DUMP_READERS (--dump-readers) is from 0 to %d", maxSlots)
	}
	if s.ClientExports < 0 {
		return errors.New("SLUICE_CLIENT_EXPORTS (--client-exports) is 0 or more")
	}
	if s.TotalExports < 0 {
		return errors.New("SLUICE_TOTAL_EXPORTS (--total-exports) is 0 or more")
	}
	if s.LinkLife < time.Second || s.LinkLife > maxLinkLife {
		return errors.New("SLUICE_LINK_LIFE (--link-life) is from 1s to 168h, which is what a signature of S3 allows")
	}
	return positive(map[string]time.Duration{
		"SLUICE_STALL_TIMEOUT": s.StallTimeout,
		"SLUICE_DRAIN_TIMEOUT": s.DrainTimeout,
	}, map[string]int{"SLUICE_MAX_DUMPS": s.MaxDumps})
}

type formatSettings struct {
	VersionID    string `name:"version-id" env:"SLUICE_VERSION_ID" default:"number" enum:"number,string" help:"How $dump writes meta.versionId: number, as Aidbox documents it, or string, as its newer releases do. $export always writes a string."`
	CreatedAtURL string `name:"created-at-url" env:"SLUICE_CREATED_AT_URL" default:"ex:createdAt" help:"The URL of the extension that meta.createdAt becomes in FHIR."`
}

type workSettings struct {
	Slots        int           `env:"SLUICE_SLOTS" default:"0" help:"How many parts of exports this process reads at the same time; 0 means one for each processor."`
	MaxExports   int           `env:"SLUICE_MAX_EXPORTS" default:"16" help:"How many exports this process keeps database snapshots for at the same time; more wait."`
	ExportWindow int           `env:"SLUICE_EXPORT_WINDOW" default:"16" help:"How many parts of one export are queued or running at most: a large export can't crowd out a small one. Fewer than the slots of all workers leave slots idle while a single export runs."`
	MaxAge       time.Duration `env:"SLUICE_MAX_AGE" default:"24h" help:"How long an export may take from its kick-off on, and with it its snapshot; then it fails."`
	PartSize     size          `env:"SLUICE_PART_SIZE" default:"256MiB" help:"How much of a table, as it lies on disk, becomes one file."`
	Retention    time.Duration `env:"SLUICE_RETENTION" default:"24h" help:"How long the files of an export stay."`
	StopTimeout  time.Duration `env:"SLUICE_STOP_TIMEOUT" default:"10s" help:"How long running parts may go on after the signal to stop; the rest is given back."`
}

// maxSlots is more than a machine can make use of.
const maxSlots = 1000

// slots is how many parts are read at the same time.
func (s *workSettings) slots() int { return cmp.Or(s.Slots, runtime.NumCPU()) }

// Validate checks what has no meaning below one.
func (s *workSettings) Validate() error {
	if s.Slots < 0 || s.Slots > maxSlots {
		return fmt.Errorf("SLUICE_SLOTS (--slots) is from 0 to %d", maxSlots)
	}
	if s.PartSize == 0 {
		return errors.New("SLUICE_PART_SIZE (--part-size) is a size such as 256MiB")
	}
	return positive(map[string]time.Duration{
		"SLUICE_MAX_AGE":      s.MaxAge,
		"SLUICE_RETENTION":    s.Retention,
		"SLUICE_STOP_TIMEOUT": s.StopTimeout,
	}, map[string]int{"SLUICE_MAX_EXPORTS": s.MaxExports, "SLUICE_EXPORT_WINDOW": s.ExportWindow})
}

func positive(durations map[string]time.Duration, counts map[string]int) error {
	for name, d := range durations {
		if d <= 0 {
			return fmt.Errorf("%s is more than zero, such as 30s or 1h", name)
		}
	}
	for name, n := range counts {
		if n <= 0 {
			return fmt.Errorf("%s is 1 or more", name)
		}
	}
	return nil
}

// size is a number of bytes, written as 256MiB or 1GB.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	bytes, err := humanize.ParseBytes(string(text))
	if err != nil || bytes > math.MaxInt64 {
		return fmt.Errorf("%q is not a size such as 256MiB", text)
	}
	*s = size(bytes)
	return nil
}
