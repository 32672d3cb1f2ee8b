// Package process runs the stand's servers and commands as children that
// cannot outlive it.
//
// It knows nothing about the programs.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec describes a child.
type Spec struct {
	// Path is the program, Args are its arguments.
	Path string
	Args []string
	// Env is the complete environment; nil means this process's own.
	Env []string
	// Dir is the working directory; "" means this process's own.
	Dir string
	// User is the account to run under; nil means this process's own.
	User *User
	// Stdin, Stdout and Stderr are the child's streams; nil means /dev/null.
	Stdin, Stdout, Stderr *os.File
	// Foreground gives the child the terminal, so that Ctrl-C reaches it and
	// not this process. Stdin has to be a terminal then.
	Foreground bool
	// DeathSignal is what the kernel sends the child when this process has exited for
	// whatever reason (Linux only). Default: SIGKILL.
	DeathSignal syscall.Signal
}

// User is the account a child runs under.
type User struct {
	Name     string
	UID, GID uint32
}

// Child is a started process, the leader of a process group of its own.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the child.
func Start(spec Spec) (*Child, error) {
	child := &Child{cmd: spec.command(), done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// For the kernel, the parent is the thread that started the child, so the thread
		// is kept while the child runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := child.cmd.Start()
		started <- err
		if err == nil {
			child.err = child.cmd.Wait()
			close(child.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return child, nil
}

func (s Spec) command() *exec.Cmd {
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir = s.Env, s.Dir
	// A nil *os.File in an interface is not nil, hence the three ifs.
	if s.Stdin != nil {
		cmd.Stdin = s.Stdin
	}
	if s.Stdout != nil {
		cmd.Stdout = s.Stdout
	}
	if s.Stderr != nil {
		cmd.Stderr = s.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.Foreground {
		cmd.SysProcAttr.Foreground = true
		cmd.SysProcAttr.Ctty = int(os.Stdin.Fd())
	}
	if s.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.User.UID, Gid: s.User.GID}
	}
	signal := s.DeathSignal
	if signal == 0 {
		signal = syscall.SIGKILL
	}
	setDeathSignal(cmd.SysProcAttr, signal)
	return cmd
}

// PID returns the process id of the child and of its group.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the child has exited.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err returns how the child exited: nil for exit code 0. It is valid after Done.
func (c *Child) Err() error { return c.err }

// Signal sends a signal to the child, but not to its group, unless it has exited.
func (c *Child) Signal(signal syscall.Signal) {
	// The only possible error is that the child has exited, which Done reports.
	_ = c.cmd.Process.Signal(signal)
}

// SignalGroup sends a signal to all processes of the child's group, even if the child
// itself has exited.
func (c *Child) SignalGroup(signal syscall.Signal) {
	// The only possible error is that the group is empty.
	_ = syscall.Kill(-c.PID(), signal)
}

// Stop sends a signal and waits until the child has exited. It kills the child's group
// then, or after the timeout; the error reports the latter.
func (c *Child) Stop(signal syscall.Signal, timeout time.Duration) error {
	c.Signal(signal)
	var err error
	select {
	case <-c.done:
	case <-time.After(timeout):
		err = fmt.Errorf("%s did not exit within %s and was killed", c.cmd.Path, timeout)
	}
	c.SignalGroup(syscall.SIGKILL)
	<-c.done
	return err
}

// ExitCode converts the result of Err to the exit code of a shell: 128 plus the number of
// the signal for a child that a signal has ended.
func ExitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
