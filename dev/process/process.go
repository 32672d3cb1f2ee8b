// Package process runs the stand's servers and commands as children that
// cannot outlive it.
//
// It knows nothing of what the children are.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec says what to start and how.
type Spec struct {
	// Path is the program, Args what follows its name.
	Path string
	Args []string
	// Env is the whole environment; nil means this process's own.
	Env []string
	// Dir is the working directory; "" means this process's own.
	Dir string
	// User runs the child under another name; nil means the own one.
	User *User
	// Stdin, Stdout and Stderr are the child's streams; nil means /dev/null.
	Stdin, Stdout, Stderr *os.File
	// Foreground gives the child the terminal, so that Ctrl-C reaches it and
	// not this process. Stdin has to be a terminal then.
	Foreground bool
	// DeathSignal is what the kernel sends the child when this process is
	// gone, however it went (Linux only); zero means SIGKILL.
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

// Start runs the child. It returns once the child has been started, or with
// the reason why it could not be.
func Start(spec Spec) (*Child, error) {
	child := &Child{cmd: spec.command(), done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel counts the death of the thread that started the child
		// as the death of the parent, so the thread is held while it lives.
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

// PID is the child's process id, and its group's.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says how the child ended: nil for exit code 0. Only after Done.
func (c *Child) Err() error { return c.err }

// CPU is the processor time the child took, with what it started and waited
// for. Only after Done.
func (c *Child) CPU() time.Duration {
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}

// Signal sends the child, not its group, a signal; a child that has ended
// takes none.
func (c *Child) Signal(signal syscall.Signal) {
	// The only possible error is that the child has exited, which Done reports.
	_ = c.cmd.Process.Signal(signal)
}

// SignalGroup sends a signal to the child and to all it started that did not
// leave its process group, also when the child itself has ended.
func (c *Child) SignalGroup(signal syscall.Signal) {
	// The only error of interest is an empty group, and that is no error.
	_ = syscall.Kill(-c.PID(), signal)
}

// Stop sends signal, waits until the child has ended and kills its group when
// it has not after patience. The error says that it had to be killed.
func (c *Child) Stop(signal syscall.Signal, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	c.Signal(signal)
	select {
	case <-c.done:
		c.SignalGroup(syscall.SIGKILL)
		return nil
	case <-ctx.Done():
		c.SignalGroup(syscall.SIGKILL)
		<-c.done
		return fmt.Errorf("%s did not end within %s and was killed", c.cmd.Path, patience)
	}
}

// ExitCode turns what Err gave into the code a shell would show: 128 and the
// signal's number for a child that a signal ended.
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
