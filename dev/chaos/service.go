package chaos

import (
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// stopPatience is how long a process may take to end after SIGTERM.
const stopPatience = 60 * time.Second

// service is one process of the product: the API or a worker.
type service struct {
	name    string
	program string
	command string
	env     []string
	log     string
	child   *process.Child
	ended   bool // by kill or stop
}

// start starts the process, which must not be running, and appends to its log.
func (s *service) start() error {
	log, err := process.OpenLog(s.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	s.ended = false
	s.child, err = process.Start(process.Spec{Path: s.program, Args: []string{s.command}, Env: s.env, Stdout: log, Stderr: log})
	return err
}

// runs reports whether the process is running.
func (s *service) runs() bool {
	if s.child == nil {
		return false
	}
	select {
	case <-s.child.Done():
		return false
	default:
		return true
	}
}

// kill ends the process at once; it may be stopped by SIGSTOP.
func (s *service) kill() {
	if s.child != nil {
		s.ended = true
		s.child.Signal(syscall.SIGKILL)
		<-s.child.Done()
	}
}

// stop ends the process by SIGTERM. The error says that it had to be killed.
func (s *service) stop() error {
	if s.child == nil {
		return nil
	}
	s.ended = true
	if err := s.child.Stop(syscall.SIGTERM, stopPatience); err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	return nil
}

// restart ends the process by SIGTERM and starts it again.
func (s *service) restart() error {
	if s.runs() {
		if err := s.stop(); err != nil {
			return err
		}
	}
	return s.start()
}

func logFile(dir, name string) string { return filepath.Join(dir, name+".log") }
