package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// limitSettings limit what clients may request and how much the API reads.
type limitSettings struct {
	MaxDumps                  int  `env:"SLUICE_MAX_DUMPS" default:"8" help:"Maximum concurrent dumps of a process; one client may use three quarters of them."`
	MaxConnectionsPerDump     int  `env:"SLUICE_MAX_CONNECTIONS_PER_DUMP" default:"0" help:"Maximum parallel connections for one large dump (0 = one per CPU, at most 4). Connections beyond each dump's first come from a pool shared by all dumps."`
	MaxExports                int  `env:"SLUICE_MAX_EXPORTS" default:"100" help:"Maximum exports accepted or running in total (0 = unlimited)."`
	MaxExportsPerClient       int  `env:"SLUICE_MAX_EXPORTS_PER_CLIENT" default:"10" help:"Maximum exports of one client accepted or running (0 = unlimited)."`
	MaxStoredExportsPerClient int  `env:"SLUICE_MAX_STORED_EXPORTS_PER_CLIENT" default:"1000" help:"Maximum exports of one client that run or have files in the bucket (0 = unlimited)."`
	MaxStoredBytesPerClient   size `env:"SLUICE_MAX_STORED_BYTES_PER_CLIENT" default:"1TiB" help:"Maximum size of the files that one client has in the bucket when it kicks off an export (0 = unlimited)."`
	ReuseRunningExports       bool `env:"SLUICE_REUSE_RUNNING_EXPORTS" help:"If the client already has an identical export running, return that one instead of starting another."`
	ClientRequestsPerMinute   int  `env:"SLUICE_CLIENT_REQUESTS_PER_MINUTE" default:"6000" help:"Maximum requests of one client per minute (0 = unlimited), unless the client has its own limit."`
	LoginFailuresPerMinute    int  `env:"SLUICE_LOGIN_FAILURES_PER_MINUTE" default:"30" help:"Maximum failed logins per minute, per address and per client (0 = unlimited)."`
}

// Validate checks the ranges.
func (s *limitSettings) Validate() error {
	return cmp.Or(
		checkRange("max-dumps", s.MaxDumps, 1, maxReaders),
		checkRange("max-connections-per-dump", s.MaxConnectionsPerDump, 0, maxReaders),
		checkMin("max-exports", s.MaxExports, 0),
		checkMin("max-exports-per-client", s.MaxExportsPerClient, 0),
		checkMin("max-stored-exports-per-client", s.MaxStoredExportsPerClient, 0),
		checkMin("client-requests-per-minute", s.ClientRequestsPerMinute, 0),
		checkMin("login-failures-per-minute", s.LoginFailuresPerMinute, 0),
	)
}

// maxReaders is the upper bound of settings for concurrent readers of the source.
const maxReaders = 1000

// maxConnectionsPerDump is the default limit of connections for one dump. The network of
// a client is seldom faster.
const maxConnectionsPerDump = 4

// spareReaders returns how many connections dumps may use in addition to one each.
func (s *limitSettings) spareReaders() int {
	return cmp.Or(s.MaxConnectionsPerDump, min(runtime.NumCPU(), maxConnectionsPerDump)) - 1
}

// workSettings are the settings of workers.
type workSettings struct {
	Slots         int           `env:"SLUICE_SLOTS" default:"0" help:"Parts of exports that a process reads at the same time (0 = one per CPU)."`
	ExportWindow  int           `env:"SLUICE_EXPORT_WINDOW" default:"${export_window}" help:"Maximum parts of one export queued or running, so that a large export leaves slots to others. With fewer than the slots of all workers, slots stay idle while a single export runs."`
	ExportTimeout time.Duration `env:"SLUICE_EXPORT_TIMEOUT" default:"24h" help:"Maximum duration of an export from its kick-off; then it fails and releases its snapshot."`
	OutageLimit   time.Duration `env:"SLUICE_OUTAGE_LIMIT" default:"1h" help:"How long an export waits while a database or the object store is unavailable or full, or no worker has access to them, before it fails."`
	FileRetention time.Duration `env:"SLUICE_FILE_RETENTION" default:"24h" help:"How long the files of a completed export are kept. SQL on FHIR requires at least 24h for exports of tables."`
	MaxFileSize   size          `env:"SLUICE_MAX_FILE_SIZE" default:"4GiB" help:"Maximum text in one file, before compression (at least 64KiB). Output beyond it continues in further files; a single larger resource is a file of its own. Parquet files end at 256MiB."`
	PartSize      size          `env:"SLUICE_PART_SIZE" default:"256MiB" help:"Maximum size of a part of a table, in bytes on disk (at least 64KiB). Parts of a small export are smaller, so that all slots have work."`
}

// Limits of workers that cannot be set.
const (
	maxSnapshots        = 16               // exports that a process holds a snapshot for
	partShutdownTimeout = 10 * time.Second // or SLUICE_SHUTDOWN_TIMEOUT, if that is shorter
	recordRetention     = 30 * day         // how long exports that have ended are known
)

// Validate checks the ranges.
func (s *workSettings) Validate() error {
	return cmp.Or(
		checkRange("slots", s.Slots, 0, maxReaders),
		checkMin("export-window", s.ExportWindow, 1),
		checkPositive("export-timeout", s.ExportTimeout),
		checkPositive("outage-limit", s.OutageLimit),
		checkPositive("file-retention", s.FileRetention),
		checkFileSize("max-file-size", s.MaxFileSize),
		checkFileSize("part-size", s.PartSize),
	)
}

func checkFileSize(flag string, value size) error {
	if value < jobs.MinMaxFileBytes {
		return fmt.Errorf("%s must be at least 64KiB, got %d bytes", setting(flag), value)
	}
	return nil
}

// slots returns how many parts the process reads at the same time.
func (s *workSettings) slots() int { return cmp.Or(s.Slots, runtime.NumCPU()) }
