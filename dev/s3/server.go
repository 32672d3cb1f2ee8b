package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// Region is the server's region.
const Region = "us-east-1"

const (
	// dataDir contains a directory for each bucket.
	dataDir = "data"

	startTimeout = time.Minute
	stopTimeout  = 10 * time.Second
	pingTimeout  = 5 * time.Second
	attempts     = 5
	tailLines    = 15
)

// Options describe a server.
type Options struct {
	// Dir holds the objects. It is created if it does not exist.
	Dir string
	// LogFile is the server's log.
	LogFile string
	// Key and Secret are the only credentials it accepts.
	Key, Secret string
	// Port is the preferred port of 127.0.0.1. If it is in use, or zero, the server gets
	// another.
	Port int
	// Buckets are created if they do not exist.
	Buckets []string
	// MinIO is the path of a MinIO program to run instead of the gateway.
	MinIO string
}

// Server is a running S3 server that accepts requests.
type Server struct {
	// Port is its port on 127.0.0.1.
	Port int

	child  *process.Child
	client *minio.Client
	opts   Options
}

// Start starts the server and returns when its buckets exist. If the server does not
// start, the error ends with the last lines of its log.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if err := os.MkdirAll(filepath.Join(opts.Dir, dataDir), 0o755); err != nil {
		return nil, fmt.Errorf("create the S3 server's directory: %w", err)
	}
	log, err := process.OpenLog(opts.LogFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	// Another process may take the port after it was found free.
	for attempt := 1; ; attempt++ {
		server, err := start(ctx, opts, log)
		if err == nil || ctx.Err() != nil {
			return server, err
		}
		last := process.Tail(opts.LogFile, 0, tailLines)
		if attempt == attempts || !strings.Contains(last, "in use") {
			return nil, fmt.Errorf("start the S3 server: %w; last lines of %s:\n%s", err, opts.LogFile, last)
		}
	}
}

func start(ctx context.Context, opts Options, log *os.File) (*Server, error) {
	port, err := process.FreePort(opts.Port)
	if err != nil {
		return nil, err
	}
	server := &Server{Port: port, opts: opts}
	server.client, err = minio.New(server.address(), &minio.Options{
		Creds: credentials.NewStaticV4(opts.Key, opts.Secret, ""),
		// waitReady retries.
		MaxRetries: 1,
		Region:     Region,
	})
	if err != nil {
		return nil, fmt.Errorf("create an S3 client: %w", err)
	}
	spec, err := server.spec()
	if err != nil {
		return nil, err
	}
	spec.Stdout, spec.Stderr = log, log
	if server.child, err = process.Start(spec); err != nil {
		return nil, err
	}
	if err := server.waitReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

func (s *Server) address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
}

// spec describes the process: this same program as the gateway, or MinIO.
func (s *Server) spec() (process.Spec, error) {
	if s.opts.MinIO != "" {
		return process.Spec{
			Path: s.opts.MinIO,
			Args: []string{"server", "--quiet", "--address", s.address(), filepath.Join(s.opts.Dir, dataDir)},
			Env: append(os.Environ(), "MINIO_ROOT_USER="+s.opts.Key, "MINIO_ROOT_PASSWORD="+s.opts.Secret,
				"MINIO_BROWSER=off", "MINIO_UPDATE=off"),
		}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return process.Spec{}, fmt.Errorf("find this program: %w", err)
	}
	return process.Spec{
		Path: self,
		Env: append(os.Environ(), envDir+"="+s.opts.Dir, envListen+"="+s.address(),
			envKey+"="+s.opts.Key, envSecret+"="+s.opts.Secret),
	}, nil
}

// waitReady waits until the buckets exist. That the server accepts the key proves that it
// is this server and no other.
func (s *Server) waitReady(ctx context.Context) error {
	return s.child.Poll(ctx, startTimeout, "it to respond", func(ctx context.Context) (bool, error) {
		err := s.createBuckets(ctx)
		return err == nil, err
	})
}

func (s *Server) createBuckets(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	for _, bucket := range s.opts.Buckets {
		exists, err := s.client.BucketExists(ctx, bucket)
		if err != nil {
			return fmt.Errorf("find bucket %s: %w", bucket, err)
		}
		if exists {
			continue
		}
		if err := s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: Region}); err != nil {
			return fmt.Errorf("create bucket %s: %w", bucket, err)
		}
	}
	return nil
}

// Empty removes every object of a bucket.
func (s *Server) Empty(ctx context.Context, bucket string) error {
	objects := s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true})
	var errs []error
	for failed := range s.client.RemoveObjects(ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
		errs = append(errs, fmt.Errorf("empty bucket %s: %w", bucket, failed.Err))
	}
	return errors.Join(errs...)
}

// IsEmpty reports whether a bucket has no object whose key has this prefix.
func (s *Server) IsEmpty(ctx context.Context, bucket, prefix string) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing after the first
	first, found := <-s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
	if first.Err != nil {
		return false, fmt.Errorf("list bucket %s: %w", bucket, first.Err)
	}
	return !found, nil
}

// URL returns the URL of a bucket, in the form of SLUICE_S3_URL.
func (s *Server) URL(bucket string) string {
	u := url.URL{
		Scheme:   "http",
		User:     url.UserPassword(s.opts.Key, s.opts.Secret),
		Host:     s.address(),
		Path:     "/" + bucket,
		RawQuery: "region=" + Region,
	}
	return u.String()
}

// Done is closed when the server has exited, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// PID returns the process id of the server.
func (s *Server) PID() int { return s.child.PID() }

// Stop ends the server. The error reports that it had to be killed.
func (s *Server) Stop() error {
	if err := s.child.Stop(syscall.SIGTERM, stopTimeout); err != nil {
		return fmt.Errorf("stop the S3 server: %w", err)
	}
	return nil
}

// Kill ends the server at once, as a crash does, without waiting for requests.
func (s *Server) Kill() {
	s.child.SignalGroup(syscall.SIGKILL)
	<-s.child.Done()
}

// Restart starts the server again after Kill, on the same port.
func (s *Server) Restart(ctx context.Context) error {
	opts := s.opts
	opts.Port = s.Port
	again, err := Start(ctx, opts)
	if err != nil {
		return err
	}
	if again.Port != s.Port {
		return errors.Join(fmt.Errorf("another program has taken the S3 server's port %d", s.Port), again.Stop())
	}
	s.child = again.child
	return nil
}
