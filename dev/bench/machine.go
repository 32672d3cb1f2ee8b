package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where it ran.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	Memory     string `json:"memory"`
	Kernel     string `json:"kernel"`
	// Load is the kernel's load average before the first round: above some
	// tenths, others were at work as well.
	Load string `json:"load"`
}

// describe begins the report.
func (f *field) describe(ctx context.Context) (*Report, error) {
	r := &Report{
		Machine: Machine{
			Processor:  lineOf("/proc/cpuinfo", "model name"),
			Processors: runtime.NumCPU(),
			Memory:     lineOf("/proc/meminfo", "MemTotal"),
			Kernel:     version(ctx, "uname", "-sr"),
			Load:       load(),
		},
		Versions: map[string]string{
			"sluice": version(ctx, f.opts.Program, "version"),
			"psql":   version(ctx, f.psql, "--version"),
			"curl":   version(ctx, "curl", "--version"),
			"gzip":   version(ctx, "gzip", "--version"),
			"go":     runtime.Version(),
		},
		Settings: append([]string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}, f.settings...),
		Tables:   f.tables,
	}
	var server string
	if err := f.db.QueryRow(ctx, `SHOW server_version`).Scan(&server); err != nil {
		return nil, fmt.Errorf("ask for PostgreSQL's version: %w", err)
	}
	r.Versions["postgres"] = "PostgreSQL " + server
	for _, name := range []string{"gzip", "pigz"} {
		if _, err := exec.LookPath(name); err != nil {
			r.Missing = append(r.Missing, name)
		}
	}
	return r, nil
}

// version is the beginning of what a program says of itself, or "" where it
// can't. What curl was built with follows it.
func version(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte(" libcurl"))
	return string(line)
}

// lineOf returns the value of a name in a file of /proc, or "" if it has none.
func lineOf(path, name string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func load() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(content))[:1], "")
}
