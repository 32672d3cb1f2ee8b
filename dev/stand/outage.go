package stand

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/postgres"
)

// RestartPostgres stops PostgreSQL and starts it again where it was. The server
// of a throw-away stand is stopped at once, as by a crash: sessions are cut and
// nothing is written out.
func (s *Stand) RestartPostgres(ctx context.Context) error {
	if err := s.StopPostgres(); err != nil {
		return err
	}
	return s.StartPostgres(ctx)
}

// StopPostgres stops PostgreSQL, as RestartPostgres does.
func (s *Stand) StopPostgres() error { return s.postgres.Stop() }

// StartPostgres starts PostgreSQL where it was, after StopPostgres.
func (s *Stand) StartPostgres(ctx context.Context) error {
	installations, err := postgres.FindOrInstall(ctx, s.opts.Log)
	if err != nil {
		return err
	}
	owner, err := postgres.Owner()
	if err != nil {
		return err
	}
	installation, err := s.choose(installations)
	if err != nil {
		return err
	}
	if s.postgres, err = s.startPostgres(ctx, installation, owner); err != nil {
		return err
	}
	if s.postgres.Port != s.state.PostgresPort {
		return fmt.Errorf("another program took PostgreSQL's port %d meanwhile", s.state.PostgresPort)
	}
	return nil
}

// KillS3 ends the S3 server at once, as by a crash.
func (s *Stand) KillS3() { s.s3.Kill() }

// StartS3 starts the S3 server again where it was, after KillS3.
func (s *Stand) StartS3(ctx context.Context) (err error) {
	if s.s3, err = s.startS3(ctx); err != nil {
		return err
	}
	if s.s3.Port != s.state.S3Port {
		return fmt.Errorf("another program took the S3 server's port %d meanwhile", s.state.S3Port)
	}
	return nil
}

func (s *Stand) s3Dir() string { return filepath.Join(s.Dir, "s3") }
