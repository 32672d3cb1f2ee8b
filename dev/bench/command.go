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

// shell runs a command line with the variables env, as a user would type it. It returns
// the output without trailing space, the duration, and the processor time of its programs.
func (h *harness) shell(ctx context.Context, line string, env ...string) (output string, took, cpu time.Duration, err error) {
	var messages bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+line)
	cmd.Env = append(append(os.Environ(), "PSQL="+h.psql, "PGOPTIONS=-c jit=off"), env...)
	cmd.Stderr = &messages
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	started := time.Now()
	out, err := cmd.Output()
	took = time.Since(started)
	if ctx.Err() != nil {
		return "", 0, 0, ctx.Err()
	}
	if err != nil {
		return "", 0, 0, fmt.Errorf("%s: %w\n%s", line, err, messages.Bytes())
	}
	return strings.TrimSpace(string(out)), took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// timed measures a command line. watched is the process of Sluice whose memory counts;
// nil means none.
func (h *harness) timed(ctx context.Context, watched *product.Service, line string, env ...string) (s Sample, output string, err error) {
	err = h.observe(watched, &s, func() error {
		var took, cpu time.Duration
		output, took, cpu, err = h.shell(ctx, line, env...)
		s.Seconds, s.CPU = took.Seconds(), map[string]float64{"client": cpu.Seconds()}
		return err
	})
	return s, output, err
}

// counted runs a command line that prints a number.
func (h *harness) counted(ctx context.Context, line string, env ...string) (int64, error) {
	output, _, _, err := h.shell(ctx, line, env...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(output, 10, 64)
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
