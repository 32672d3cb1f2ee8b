package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/product"
)

// finished is a command line that has ended.
type finished struct {
	output    string // without trailing space
	took, cpu time.Duration
	peak      int64 // resident memory of the largest of its programs, in bytes
}

// shell runs a command line with the variables env, as a user would type it.
func (h *harness) shell(ctx context.Context, line string, env ...string) (f finished, err error) {
	var messages bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+line)
	cmd.Env = append(append(os.Environ(), "PSQL="+h.psql, "PGOPTIONS=-c jit=off"), env...)
	cmd.Stderr = &messages
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	started := time.Now()
	out, err := cmd.Output()
	f.took = time.Since(started)
	if ctx.Err() != nil {
		return f, ctx.Err()
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w\n%s", line, err, messages.Bytes())
	}
	f.output = strings.TrimSpace(string(out))
	f.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && hasUsage {
		f.peak = usage.Maxrss << 10
	}
	return f, nil
}

// timed measures a command line. watched is the process of Sluice whose memory counts;
// nil means none.
func (h *harness) timed(ctx context.Context, watched *product.Service, line string, env ...string) (s Sample, output string, err error) {
	err = h.observe(watched, &s, func() error {
		f, err := h.shell(ctx, line, env...)
		output, s.Seconds, s.CPU = f.output, f.took.Seconds(), map[string]float64{"client": f.cpu.Seconds()}
		return err
	})
	return s, output, err
}

// counted runs a command line that prints a number.
func (h *harness) counted(ctx context.Context, line string, env ...string) (int64, error) {
	f, err := h.shell(ctx, line, env...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(f.output, 10, 64)
}

// observe adds to the sample the resource usage of the servers, and of the watched
// process, while do runs.
func (h *harness) observe(watched *product.Service, s *Sample, do func() error) error {
	pids := map[string]int{"postgres": h.stand.Postgres.PID(), "s3": h.stand.S3.PID()}
	if watched != nil {
		pids["sluice"] = watched.PID()
		if err := resetPeak(watched.PID()); err != nil {
			return err
		}
	}
	before, err := cpuOf(pids)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := cpuOf(pids)
	if err != nil {
		return err
	}
	if s.CPU == nil {
		s.CPU = map[string]float64{}
	}
	for name := range pids {
		s.CPU[name] = after[name] - before[name]
	}
	if watched != nil {
		s.Peak, err = peakBytes(watched.PID())
	}
	return err
}

func cpuOf(pids map[string]int) (map[string]float64, error) {
	seconds := make(map[string]float64, len(pids))
	for name, pid := range pids {
		var err error
		if seconds[name], err = cpuSeconds(pid); err != nil {
			return nil, err
		}
	}
	return seconds, nil
}
