package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// shell runs a command line as a user would type it, without what it prints
// to its end, and returns how long that took and the processor time of its
// programs. Its variables come as env.
func (f *field) shell(ctx context.Context, line string, env ...string) (output string, took, cpu time.Duration, err error) {
	logPath := filepath.Join(f.opts.LogDir, "commands.log")
	log, err := openLog(logPath)
	if err != nil {
		return "", 0, 0, err
	}
	defer func() { _ = log.Close() }() // nothing is written here
	out, err := os.Create(filepath.Join(f.opts.LogDir, "commands.out"))
	if err != nil {
		return "", 0, 0, fmt.Errorf("keep the output: %w", err)
	}
	defer func() { _ = out.Close() }()

	begun := time.Now()
	child, err := process.Start(process.Spec{
		Path: "/usr/bin/env", Args: []string{"bash", "-c", "set -o pipefail; " + line},
		Env: append(append(os.Environ(), "PSQL="+f.psql, "PGOPTIONS=-c jit=off"), env...), Stdout: out, Stderr: log,
	})
	if err != nil {
		return "", 0, 0, err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.SignalGroup(syscall.SIGKILL)
		<-child.Done()
		return "", 0, 0, ctx.Err()
	}
	took = time.Since(begun)
	if child.Err() != nil {
		return "", 0, 0, fmt.Errorf("%s: %w\n%s", line, child.Err(), process.Tail(logPath, 0, 5))
	}
	content, err := os.ReadFile(out.Name())
	if err != nil {
		return "", 0, 0, fmt.Errorf("read the output: %w", err)
	}
	return strings.TrimSpace(string(content)), took, child.CPU(), nil
}

// timed runs a command line for its time. watched is the process of Sluice
// whose memory counts; nil means none.
func (f *field) timed(ctx context.Context, watched *service, line string, env ...string) (s Sample, output string, err error) {
	err = f.observe(watched, &s, func() error {
		var took, cpu time.Duration
		output, took, cpu, err = f.shell(ctx, line, env...)
		s.Seconds, s.CPU = took.Seconds(), map[string]float64{"client": cpu.Seconds()}
		return err
	})
	return s, output, err
}

// counted runs a command line that prints a number at the end.
func (f *field) counted(ctx context.Context, line string, env ...string) (int64, error) {
	output, _, _, err := f.shell(ctx, line, env...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(output, 10, 64)
}

// observe adds to the sample what the servers, and the watched process, took
// while do ran.
func (f *field) observe(watched *service, s *Sample, do func() error) error {
	pids := map[string]int{"postgres": f.stand.PostgresPID(), "s3": f.stand.S3PID()}
	if watched != nil {
		pids["sluice"] = watched.child.PID()
		if err := resetPeak(watched.child.PID()); err != nil {
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
		s.Peak, err = peakBytes(watched.child.PID())
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
