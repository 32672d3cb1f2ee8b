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

// Region is the one the server calls itself.
const Region = "us-east-1"

const (
	// dataFolder holds a folder for each bucket.
	dataFolder = "data"

	startPatience = time.Minute
	stopPatience  = 10 * time.Second
	pollPause     = 20 * time.Millisecond
	pollPatience  = 5 * time.Second
	attempts      = 5
	tailLines     = 15
)

// Options say which server to start.
type Options struct {
	// Dir holds the objects; it is made when it is absent.
	Dir string
	// LogFile takes what the server writes.
	LogFile string
	// Key and Secret are the only credentials it accepts.
	Key, Secret string
	// Port is the wanted port of 127.0.0.1; when it is taken, or zero, the
	// server gets another.
	Port int
	// Buckets are made when they are absent.
	Buckets []string
	// MinIO is the path of a MinIO program to run instead of the gateway.
	MinIO string
}

// Server is a running S3 server that answers.
type Server struct {
	// Port is where it listens on 127.0.0.1.
	Port int

	child  *process.Child
	client *minio.Client
	opts   Options
}

// Start starts the server and returns when it answers and has its buckets. The
// error of a server that did not start ends with the last lines of its log.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if err := os.MkdirAll(filepath.Join(opts.Dir, dataFolder), 0o755); err != nil {
		return nil, fmt.Errorf("make the S3 server's folder: %w", err)
	}
	log, err := process.OpenLog(opts.LogFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	// The port is found free before the server takes it, so somebody else may
	// have been faster.
	for attempt := 1; ; attempt++ {
		server, err := start(ctx, opts, log)
		if err == nil || ctx.Err() != nil {
			return server, err
		}
		last := process.Tail(opts.LogFile, 0, tailLines)
		if attempt == attempts || !strings.Contains(last, "in use") {
			return nil, fmt.Errorf("the S3 server did not start: %w; its last words in %s:\n%s", err, opts.LogFile, last)
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
		// Whether to ask again is untilReady's to say.
		MaxRetries: 1,
		Region:     Region,
	})
	if err != nil {
		return nil, fmt.Errorf("make an S3 client: %w", err)
	}
	spec, err := server.spec()
	if err != nil {
		return nil, err
	}
	spec.Stdout, spec.Stderr = log, log
	if server.child, err = process.Start(spec); err != nil {
		return nil, err
	}
	if err := server.untilReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

func (s *Server) address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
}

// spec is this same program as the gateway, or MinIO.
func (s *Server) spec() (process.Spec, error) {
	if s.opts.MinIO != "" {
		return process.Spec{
			Path: s.opts.MinIO,
			Args: []string{"server", "--quiet", "--address", s.address(), filepath.Join(s.opts.Dir, dataFolder)},
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

// untilReady waits until the buckets are there. That the server accepts the
// key proves that it is this server and no other.
func (s *Server) untilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()

	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		err := s.makeBuckets(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.child.Done():
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) makeBuckets(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollPatience)
	defer cancel()
	for _, bucket := range s.opts.Buckets {
		exists, err := s.client.BucketExists(ctx, bucket)
		if err != nil {
			return fmt.Errorf("look for bucket %s: %w", bucket, err)
		}
		if exists {
			continue
		}
		if err := s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: Region}); err != nil {
			return fmt.Errorf("make bucket %s: %w", bucket, err)
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

// IsEmpty says whether a bucket has no object whose key has this prefix.
func (s *Server) IsEmpty(ctx context.Context, bucket, prefix string) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the listing ends with the first
	first, found := <-s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
	if first.Err != nil {
		return false, fmt.Errorf("list bucket %s: %w", bucket, first.Err)
	}
	return !found, nil
}

// URL is how a client reaches a bucket, in the form of SLUICE_S3_URL.
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

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// PID is the server's process id.
func (s *Server) PID() int { return s.child.PID() }

// Stop ends the server. The error says that it did not end by itself.
func (s *Server) Stop() error {
	if err := s.child.Stop(syscall.SIGTERM, stopPatience); err != nil {
		return fmt.Errorf("stop the S3 server: %w", err)
	}
	return nil
}

// Kill ends the server at once, as a crash would; it waits for no request.
func (s *Server) Kill() {
	s.child.SignalGroup(syscall.SIGKILL)
	<-s.child.Done()
}
