package product

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

const (
	readyTimeout = time.Minute
	// stopTimeout leaves running dumps time to end.
	stopTimeout = 60 * time.Second
	tailLines   = 20
)

// Service is a process of the program that serves until it is stopped.
type Service struct {
	Name string
	// Log is the path of its log.
	Log string
	// Env are settings in addition to Program.Env.
	Env []string
	// URL is the address of its API; "" if it has none.
	URL string
	// Child is the process that was started last; nil before the first.
	*process.Child

	program Program
	command string
	stopped bool // by Kill or Stop
}

// Listen makes the service listen on a port of 127.0.0.1: the wanted one if it is free.
func (s *Service) Listen(wanted int) (port int, err error) {
	if port, err = process.FreePort(wanted); err != nil {
		return 0, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.URL = "http://" + address
	s.Env = append(s.Env, "SLUICE_LISTEN="+address, "SLUICE_BASE_URL="+s.URL)
	return port, nil
}

// Start starts the process, which must not be running, and appends to its log.
func (s *Service) Start() error {
	log, err := process.OpenLog(s.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	s.stopped = false
	s.Child, err = process.Start(process.Spec{
		Path: s.program.Path, Args: []string{s.command}, Stdout: log, Stderr: log,
		Env: append(s.program.Env[:len(s.program.Env):len(s.program.Env)], s.Env...),
	})
	return err
}

// WaitReady waits until the API reports that the database, the migrations and the bucket
// are available. The error ends with the last lines of the log.
func (s *Service) WaitReady(ctx context.Context) error {
	err := s.Poll(ctx, readyTimeout, "sluice to become ready", func(ctx context.Context) (bool, error) {
		err := s.ready(ctx)
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.LastWords())
	}
	return nil
}

// ready returns an error with the API's reason if it is not ready.
func (s *Service) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/ready", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	return errors.Join(fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body))), err)
}

// LastWords returns the last lines of the log, for an error message.
func (s *Service) LastWords() string {
	return fmt.Sprintf("last lines of %s:\n%s", s.Log, process.Tail(s.Log, 0, tailLines))
}

// Running reports whether the process is running.
func (s *Service) Running() bool {
	if s.Child == nil {
		return false
	}
	select {
	case <-s.Done():
		return false
	default:
		return true
	}
}

// Revive starts the process unless it is running. The error reports an exit that was not
// requested.
func (s *Service) Revive() error {
	if s.Running() {
		return nil
	}
	var err error
	if s.Child != nil && !s.stopped {
		err = fmt.Errorf("%s exited with code %d", s.Name, process.ExitCode(s.Err()))
	}
	return errors.Join(err, s.Start())
}

// Kill ends the process at once, even if it is paused by SIGSTOP.
func (s *Service) Kill() {
	if s.Child != nil {
		s.stopped = true
		s.Signal(syscall.SIGKILL)
		<-s.Done()
	}
}

// Stop ends the process with SIGTERM. The error reports that it had to be killed.
func (s *Service) Stop() error {
	if s.Child == nil {
		return nil
	}
	s.stopped = true
	return s.Child.Stop(syscall.SIGTERM, stopTimeout)
}

// Restart stops the process and starts it again.
func (s *Service) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start()
}
