// Package stand is an environment to run and test Sluice in: a private PostgreSQL and a
// private S3 server, persistent or temporary.
//
// It knows the names of Sluice's settings, and nothing else about it.
package stand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/s3"
)

// The contents of a stand: a database and a bucket for the product, and a bucket for
// tests, which create databases of their own.
const (
	Database   = "sluice"
	Bucket     = "sluice"
	TestBucket = "test"
)

// Options say which stand to start.
type Options struct {
	// Root is the repository's root, which contains the persistent stand. Empty means a
	// temporary stand, which is removed when it stops.
	Root string
	// MinIO is the path of a MinIO program to use as the S3 server; by default, that is
	// versitygw's gateway.
	MinIO string
	// Postgres are additional settings of PostgreSQL, name=value.
	Postgres []string
	// Log receives messages for the user.
	Log io.Writer
}

// Stand is a running stand. It holds the lock of its directory.
type Stand struct {
	// Dir is its directory.
	Dir string
	// Postgres and S3 are its servers, nil until they have been started.
	Postgres *postgres.Server
	S3       *s3.Server

	opts  Options
	lock  *lock
	state state
}

// Start starts the servers and returns when both respond. If it fails, it stops what it
// has started.
func Start(ctx context.Context, opts Options) (*Stand, error) {
	installations, err := postgres.FindOrInstall(ctx, opts.Log)
	if err != nil {
		return nil, err
	}
	// The account may have been created by the installation.
	owner, err := postgres.Owner()
	if err != nil {
		return nil, err
	}
	stand, err := open(opts, owner)
	if err != nil {
		return nil, err
	}
	if err := stand.start(ctx, installations, owner); err != nil {
		return nil, errors.Join(err, stand.Stop())
	}
	return stand, nil
}

// open creates or finds the stand's directory and locks it.
func open(opts Options, owner *process.User) (*Stand, error) {
	sweep()
	var dir string
	var err error
	if opts.Root == "" {
		dir, err = temporaryDir(owner)
	} else {
		dir, err = persistentDir(opts.Root, owner)
	}
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	stand := &Stand{Dir: dir, opts: opts, lock: lock}
	if stand.state, err = readState(dir); err != nil {
		return nil, errors.Join(err, stand.Stop())
	}
	return stand, nil
}

func (s *Stand) start(ctx context.Context, installations []postgres.Installation, owner *process.User) error {
	for _, server := range []string{"postgres", "s3"} {
		// A log covers one start. The file may not exist yet.
		_ = os.Remove(s.LogFile(server))
	}
	installation, err := s.choose(installations)
	if err != nil {
		return err
	}
	if err := s.startPostgres(ctx, installation, owner); err != nil {
		return err
	}
	s.S3, err = s3.Start(ctx, s3.Options{
		Dir:     filepath.Join(s.Dir, "s3"),
		LogFile: s.LogFile("s3"),
		Key:     s.state.S3Key,
		Secret:  s.state.S3Secret,
		Port:    s.state.S3Port,
		Buckets: []string{Bucket, TestBucket},
		MinIO:   s.opts.MinIO,
	})
	if err != nil {
		return err
	}
	s.state.PostgresPort, s.state.S3Port = s.Postgres.Port, s.S3.Port
	return s.state.write(s.Dir)
}

func (s *Stand) startPostgres(ctx context.Context, installation postgres.Installation, owner *process.User) (err error) {
	fresh := postgres.Major(s.dataDir()) == 0
	s.Postgres, err = postgres.Start(ctx, postgres.Options{
		Installation: installation,
		DataDir:      s.dataDir(),
		LogFile:      s.LogFile("postgres"),
		Password:     s.state.PostgresPassword,
		Port:         s.state.PostgresPort,
		Owner:        owner,
		Throwaway:    s.opts.Root == "",
		Settings:     s.opts.Postgres,
	})
	if err != nil || !fresh {
		return err
	}
	if err := s.Postgres.Exec(ctx, "template1", CastSQL); err != nil {
		return err
	}
	return s.Postgres.CreateDatabase(ctx, Database)
}

// CastSQL makes every database that is created afterwards, also by tests, send jsonb in
// its stored form. A database with another template does not have the cast.
const CastSQL = `CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION`

// choose returns the installation that created the cluster, since no other major version
// can read it, or the newest for a new cluster. If that installation is gone, the cluster
// is created again.
func (s *Stand) choose(installations []postgres.Installation) (postgres.Installation, error) {
	major := postgres.Major(s.dataDir())
	if major == 0 {
		return installations[0], nil
	}
	for _, installation := range installations {
		if installation.Major == major {
			return installation, nil
		}
	}
	_, _ = fmt.Fprintf(s.opts.Log, "The data were made by PostgreSQL %d, which is no longer installed; creating new data with %d.\n",
		major, installations[0].Major)
	s.state.Sample = 0
	if err := s.state.write(s.Dir); err != nil {
		return postgres.Installation{}, err
	}
	if err := os.RemoveAll(s.dataDir()); err != nil {
		return postgres.Installation{}, fmt.Errorf("remove the old data: %w", err)
	}
	return installations[0], nil
}

func (s *Stand) dataDir() string { return filepath.Join(s.Dir, "postgres") }

// LogFile returns the path of the log of a part of the stand.
func (s *Stand) LogFile(part string) string { return filepath.Join(s.Dir, part+".log") }

// Broken is closed when a server has exited without being stopped.
func (s *Stand) Broken() <-chan struct{} {
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		select {
		case <-s.Postgres.Done():
		case <-s.S3.Done():
		}
	}()
	return broken
}

// Stop stops both servers, even if one of them fails to, and removes the directory of a
// temporary stand.
func (s *Stand) Stop() error {
	var errs []error
	if s.S3 != nil {
		errs = append(errs, s.S3.Stop())
	}
	if s.Postgres != nil {
		errs = append(errs, s.Postgres.Stop())
	}
	if s.opts.Root == "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	s.lock.release()
	return errors.Join(errs...)
}
