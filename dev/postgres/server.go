package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

const (
	tailLines = 15
	// startTimeout includes the replay of the log after a crash.
	startTimeout = 2 * time.Minute
	// retryTimeout is how long Start retries while a killed server still shuts down or
	// another process has the port.
	retryTimeout = 20 * time.Second
	stopTimeout  = 2 * time.Minute
)

// Options describe a server.
type Options struct {
	// Installation holds the programs.
	Installation Installation
	// DataDir is the cluster, which is created if it does not exist. Its parent has to be
	// accessible for Owner and writable for this process.
	DataDir string
	// LogFile is the server's log.
	LogFile string
	// Password is the superuser's. An existing cluster keeps its own.
	Password string
	// Port is the preferred port of 127.0.0.1. If it is in use, or zero, the server gets
	// another.
	Port int
	// Owner is the account to run under, as returned by the function Owner.
	Owner *process.User
	// Throwaway trades the safety of the data for speed.
	Throwaway bool
	// Settings are additional server settings (name=value). They override the
	// settings of this package.
	Settings []string
}

// Server is a running PostgreSQL that accepts connections.
type Server struct {
	// Port is its port on 127.0.0.1.
	Port int

	child *process.Child
	opts  Options
}

// Start creates the cluster unless it exists, starts the server and returns when it has
// answered a query. If the server does not start, the error ends with the last lines of
// its log.
func Start(ctx context.Context, opts Options) (*Server, error) {
	log, err := process.OpenLog(opts.LogFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	if Major(opts.DataDir) == 0 {
		if err := initialize(ctx, opts, log); err != nil {
			return nil, err
		}
	}
	if err := stopStale(ctx, opts.DataDir); err != nil {
		return nil, err
	}

	var server *Server
	err = process.Poll(ctx, retryTimeout, "PostgreSQL to start", func(context.Context) (bool, error) {
		from := size(log)
		if server, err = start(ctx, opts, log); err == nil {
			return true, nil
		}
		last := process.Tail(opts.LogFile, from, tailLines)
		return !isTemporary(last), fmt.Errorf("start PostgreSQL: %w; last lines of %s:\n%s", err, opts.LogFile, last)
	})
	return server, err
}

// isTemporary reports whether a failure to start goes away by itself: the processes of a
// killed server have not quite exited, or a port was taken after it was found free.
func isTemporary(log string) bool {
	for _, words := range []string{
		"pre-existing shared memory block",
		`lock file "postmaster.pid" already exists`,
		"Address already in use",
	} {
		if strings.Contains(log, words) {
			return true
		}
	}
	return false
}

func start(ctx context.Context, opts Options, log *os.File) (*Server, error) {
	port, err := process.FreePort(opts.Port)
	if err != nil {
		return nil, err
	}
	child, err := process.Start(process.Spec{
		Path: filepath.Join(opts.Installation.Dir, "postgres"), Args: arguments(opts, port),
		Env: environment(), Dir: filepath.Dir(opts.DataDir), User: opts.Owner,
		Stdout: log, Stderr: log,
		DeathSignal: stopSignal(opts),
	})
	if err != nil {
		return nil, err
	}
	server := &Server{Port: port, child: child, opts: opts}
	if err := server.waitReady(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

func arguments(opts Options, port int) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"port=" + strconv.Itoa(port),
		"max_connections=300",
		"max_prepared_transactions=10",
	}
	if opts.Throwaway {
		settings = append(settings, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	}
	args := []string{"-D", opts.DataDir}
	for _, setting := range append(settings, opts.Settings...) {
		args = append(args, "-c", setting)
	}
	return args
}

// stopSignal requests a fast shutdown, which writes everything to disk, or an immediate
// one if the data is not kept.
func stopSignal(opts Options) syscall.Signal {
	if opts.Throwaway {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// Done is closed when the server has exited, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// PID returns the process id of the server, the parent of its sessions.
func (s *Server) PID() int { return s.child.PID() }

// Program returns the path of a program of the same installation, such as psql.
func (s *Server) Program(name string) string {
	return filepath.Join(s.opts.Installation.Dir, name)
}

// Restart starts the server again after Stop, on the same port.
func (s *Server) Restart(ctx context.Context) error {
	opts := s.opts
	opts.Port = s.Port
	again, err := Start(ctx, opts)
	if err != nil {
		return err
	}
	if again.Port != s.Port {
		return errors.Join(fmt.Errorf("another program has taken PostgreSQL's port %d", s.Port), again.Stop())
	}
	s.child = again.child
	return nil
}

// Stop ends the server and all its sessions: at once, as a crash does, if its data is not
// kept. The error reports that it had to be killed.
func (s *Server) Stop() error {
	if err := s.child.Stop(stopSignal(s.opts), stopTimeout); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}
