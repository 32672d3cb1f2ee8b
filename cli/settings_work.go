package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

type workSettings struct {
	Slots        int           `env:"SLUICE_SLOTS" default:"0" help:"How many parts of exports this process reads at the same time; 0 means one for each processor."`
	MaxExports   int           `env:"SLUICE_MAX_EXPORTS" default:"16" help:"How many exports this process keeps database snapshots for at the same time; more wait."`
	ExportWindow int           `env:"SLUICE_EXPORT_WINDOW" default:"16" help:"How many parts of one export are queued or running at most: a large export can't crowd out a small one. Fewer than the slots of all workers leave slots idle while a single export runs."`
	MaxAge       time.Duration `env:"SLUICE_MAX_AGE" default:"24h" help:"How long an export may take from its kick-off on, and with it its snapshot; then it fails."`
	OutageLimit  time.Duration `env:"SLUICE_OUTAGE_LIMIT" default:"1h" help:"How long an export waits while a database or the object store is unavailable or full, or no worker has access to them, before it fails."`
	MaxFileSize  size          `env:"SLUICE_MAX_FILE_SIZE" default:"4GiB" help:"Maximum ndjson in one file, before compression (at least 64KiB); the rest goes to further files. A single larger resource is a file of its own."`
	PartSize     size          `env:"SLUICE_PART_SIZE" default:"256MiB" help:"Maximum size of a part of a table, in bytes on disk (at least 64KiB). Parts of a small export are smaller, so that all slots have work."`
	Retention    time.Duration `env:"SLUICE_RETENTION" default:"24h" help:"How long the files of an export stay."`
	History      time.Duration `env:"SLUICE_HISTORY" default:"720h" help:"How long an export is remembered after its end, or after that of its files; then its status is 404."`
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
	if s.MaxFileSize < jobs.MinMaxFileBytes {
		return fmt.Errorf("SLUICE_MAX_FILE_SIZE (--max-file-size) must be at least 64KiB, got %d bytes", s.MaxFileSize)
	}
	if s.PartSize < jobs.MinMaxFileBytes {
		return fmt.Errorf("SLUICE_PART_SIZE (--part-size) must be at least 64KiB, got %d bytes", s.PartSize)
	}
	return positive(map[string]time.Duration{
		"SLUICE_HISTORY":      s.History,
		"SLUICE_MAX_AGE":      s.MaxAge,
		"SLUICE_OUTAGE_LIMIT": s.OutageLimit,
		"SLUICE_RETENTION":    s.Retention,
		"SLUICE_STOP_TIMEOUT": s.StopTimeout,
	}, map[string]int{"SLUICE_MAX_EXPORTS": s.MaxExports, "SLUICE_EXPORT_WINDOW": s.ExportWindow})
}
