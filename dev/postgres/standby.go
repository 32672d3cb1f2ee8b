package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// standbySettings are what an operator of a standby for reading sets: the primary keeps
// the rows that its readers see.
const standbySettings = `
hot_standby_feedback = on
wal_receiver_status_interval = 1s
`

// StartStandby copies the running server into dataDir, which must be absent,
// and starts the copy as a hot standby of it.
func (s *Server) StartStandby(ctx context.Context, dataDir, logFile string) (*Server, error) {
	opts := s.opts
	opts.DataDir, opts.LogFile, opts.Port = dataDir, logFile, 0
	if err := s.copyTo(ctx, opts); err != nil {
		return nil, err
	}
	return Start(ctx, opts)
}

// copyTo makes a copy of the server that follows it.
func (s *Server) copyTo(ctx context.Context, opts Options) error {
	log, err := process.OpenLog(opts.LogFile)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if err := os.Mkdir(opts.DataDir, 0o700); err != nil {
		return fmt.Errorf("make a standby: %w", err)
	}
	if err := give(opts.DataDir, opts.Owner); err != nil {
		return err
	}
	err = run(ctx, opts, "pg_basebackup", []string{
		"--pgdata=" + opts.DataDir, "--dbname=" + s.URL(""), "--write-recovery-conf",
		"--checkpoint=fast", "--wal-method=stream", "--no-sync",
	}, log)
	if err != nil {
		return err
	}
	return appendTo(filepath.Join(opts.DataDir, "postgresql.auto.conf"), standbySettings)
}

// appendTo adds lines to a file, which keeps its owner.
func appendTo(path, lines string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("make a standby: %w", err)
	}
	if _, err := file.WriteString(lines); err != nil {
		return errors.Join(fmt.Errorf("make a standby: %w", err), file.Close())
	}
	return file.Close()
}
