package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// standbySettings configure a standby for reading: the primary keeps the rows that its
// readers see.
const standbySettings = `
hot_standby_feedback = on
wal_receiver_status_interval = 1s
`

// StartStandby starts a hot standby of the running server: a copy in dataDir, which is
// replaced. remove stops it and removes its data.
func (s *Server) StartStandby(ctx context.Context, dataDir string) (standby *Server, remove func() error, err error) {
	opts := s.opts
	opts.DataDir, opts.LogFile, opts.Port = dataDir, dataDir+".log", 0
	if err := s.copyTo(ctx, opts); err != nil {
		return nil, nil, fmt.Errorf("create a standby: %w", err)
	}
	if standby, err = Start(ctx, opts); err != nil {
		return nil, nil, err
	}
	return standby, func() error {
		if err := standby.Stop(); err != nil {
			return err
		}
		return os.RemoveAll(dataDir)
	}, nil
}

// copyTo copies the server into a directory, with the configuration of a standby.
func (s *Server) copyTo(ctx context.Context, opts Options) error {
	log, err := process.OpenLog(opts.LogFile)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if err := os.RemoveAll(opts.DataDir); err != nil {
		return err
	}
	if err := os.Mkdir(opts.DataDir, 0o700); err != nil {
		return err
	}
	if err := chown(opts.DataDir, opts.Owner); err != nil {
		return err
	}
	err = run(ctx, opts, "pg_basebackup", []string{
		"--pgdata=" + opts.DataDir, "--dbname=" + s.URL(""), "--write-recovery-conf",
		"--checkpoint=fast", "--wal-method=stream", "--no-sync",
	}, log)
	if err != nil {
		return err
	}
	// Appending to the file keeps its owner.
	file, err := os.OpenFile(filepath.Join(opts.DataDir, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(standbySettings)
	return errors.Join(err, file.Close())
}
