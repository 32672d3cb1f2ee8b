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
	killSignal = syscall.SIGKILL
	tailLines  = 15
	// startPatience is how long a server may take until it answers: after a
	// crash it first replays its log.
	startPatience = 2 * time.Minute
	// retryPatience is how long Start retries while a killed server still shuts down or
	// another process has the port.
	retryPatience = 20 * time.Second
	retryPause    = 200 * time.Millisecond
	stopPatience  = 30 * time.Second
)

// Options say which server to start.
type Options struct {
	// Installation holds the programs.
	Installation Installation
	// DataDir is the cluster; it is made when it is absent. Its parent has to
	// be passable for Owner and writable for this process.
	DataDir string
	// LogFile takes what the server writes.
	LogFile string
	// Password is the superuser's; a cluster keeps the one it was made with.
	Password string
	// Port is the wanted port of 127.0.0.1; when it is taken, or zero, the
	// server gets another.
	Port int
	// Owner is the account to run under, as the function Owner gives it.
	Owner *process.User
	// Throwaway trades the safety of the data for speed.
	Throwaway bool
	// Settings are additional server settings (name=value). They override those of this
	// package.
	Settings []string
}

// Server is a running PostgreSQL that answers.
type Server struct {
	// Port is where it listens on 127.0.0.1.
	Port int

	child *process.Child
	opts  Options
}

// Start creates the cluster if there is none, starts the server and returns when it has
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
	if err := removeLeftover(ctx, opts); err != nil {
		return nil, err
	}

	deadline := time.Now().Add(retryPatience)
	for {
		from := size(log)
		server, err := start(ctx, opts, log)
		if err == nil || ctx.Err() != nil {
			return server, err
		}
		last := process.Tail(opts.LogFile, from, tailLines)
		if !passing(last) || time.Now().After(deadline) {
			return nil, fmt.Errorf("PostgreSQL did not start: %w; its last words in %s:\n%s", err, opts.LogFile, last)
		}
		// Poll: the end of the other process causes no event.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// passing says whether a failure to start is one that goes away by itself:
// the processes of a killed server that are not quite gone, or a port that was
// taken between finding it free and using it.
func passing(log string) bool {
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
	if err := server.untilReady(ctx); err != nil {
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

// stopSignal asks for a fast shutdown, which writes everything out, or, where
// the data is not kept, for the immediate one.
func stopSignal(opts Options) syscall.Signal {
	if opts.Throwaway {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// PID is the process id of the server, the parent of its sessions.
func (s *Server) PID() int { return s.child.PID() }

// Program is the path of a program that came with the server, such as psql.
func (s *Server) Program(name string) string {
	return filepath.Join(s.opts.Installation.Dir, name)
}

// Stop ends the server, with all its sessions. The error says that it did not
// end by itself.
func (s *Server) Stop() error {
	if err := s.child.Stop(stopSignal(s.opts), stopPatience); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}
