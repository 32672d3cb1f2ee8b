// Package stand is a place to run and test Sluice in: a private PostgreSQL and
// a private S3 server, persistent or to be thrown away.
//
// It knows what Sluice's settings are called, and nothing else of it.
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

// The names of what a stand holds: one database and bucket for the product,
// and a bucket for tests, which make databases of their own.
const (
	Database   = "sluice"
	Bucket     = "sluice"
	TestBucket = "test"
)

// Options say which stand to start.
type Options struct {
	// Root is the repository's root, where the persistent stand lives. Empty
	// means a throw-away stand, which is removed when it stops.
	Root string
	// MinIO is the path of a MinIO program to use as the S3 server; empty
	// means versitygw's gateway.
	MinIO string
	// Postgres are more of PostgreSQL's settings, name=value.
	Postgres []string
	// Log takes what a user should know, a sentence a line.
	Log io.Writer
}

// Stand is a running stand. It has its directory locked.
type Stand struct {
	// Dir is its folder.
	Dir string

	opts     Options
	lock     *lock
	state    state
	postgres *postgres.Server
	s3       *s3.Server
}

// Start starts the servers and returns when both answer. What it had started
// is stopped when it fails.
func Start(ctx context.Context, opts Options) (*Stand, error) {
	installations, err := postgres.FindOrInstall(ctx, opts.Log)
	if err != nil {
		return nil, err
	}
	// The account may have come with the installation.
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

// open makes, or finds, the stand's folder and locks it.
func open(opts Options, owner *process.User) (*Stand, error) {
	sweep()
	dir, err := temporaryOrPersistent(opts, owner)
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

func temporaryOrPersistent(opts Options, owner *process.User) (string, error) {
	if opts.Root == "" {
		return temporaryPlace(owner)
	}
	return persistentPlace(opts.Root, owner)
}

func (s *Stand) start(ctx context.Context, installations []postgres.Installation, owner *process.User) error {
	installation, err := s.choose(installations)
	if err != nil {
		return err
	}
	for _, server := range []string{"postgres", "s3"} {
		// A log is of one start only. The file may not exist yet.
		_ = os.Remove(s.LogFile(server))
	}
	if s.postgres, err = s.startPostgres(ctx, installation, owner); err != nil {
		return err
	}
	if s.s3, err = s.startS3(ctx); err != nil {
		return err
	}
	s.state.PostgresPort, s.state.S3Port = s.postgres.Port, s.s3.Port
	return s.state.write(s.Dir)
}

func (s *Stand) startS3(ctx context.Context) (*s3.Server, error) {
	return s3.Start(ctx, s3.Options{
		Dir:     s.s3Dir(),
		LogFile: s.LogFile("s3"),
		Key:     s.state.S3Key,
		Secret:  s.state.S3Secret,
		Port:    s.state.S3Port,
		Buckets: []string{Bucket, TestBucket},
		MinIO:   s.opts.MinIO,
	})
}

func (s *Stand) startPostgres(ctx context.Context, installation postgres.Installation, owner *process.User) (*postgres.Server, error) {
	fresh := postgres.Major(s.dataDir()) == 0
	server, err := postgres.Start(ctx, postgres.Options{
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
		return server, err
	}
	if err := server.CreateDatabase(ctx, Database); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

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
	_, _ = fmt.Fprintf(s.opts.Log, "The data were made by PostgreSQL %d, which is not here any more; making them anew with %d.\n",
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

// LogFile is where the output of a part of the stand goes.
func (s *Stand) LogFile(part string) string { return filepath.Join(s.Dir, part+".log") }

// Broken is closed when a server has exited without being stopped.
func (s *Stand) Broken() <-chan struct{} {
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		select {
		case <-s.postgres.Done():
		case <-s.s3.Done():
		}
	}()
	return broken
}

// Stop stops the servers and removes the folder of a throw-away stand. It
// stops the second also when the first gives trouble.
func (s *Stand) Stop() error {
	var errs []error
	if s.s3 != nil {
		errs = append(errs, s.s3.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.opts.Root == "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	s.lock.release()
	return errors.Join(errs...)
}
