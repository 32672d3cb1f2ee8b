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

// Machine describes the hardware and the operating system.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	Memory     string `json:"memory"`
	Kernel     string `json:"kernel"`
	// Load is the load average before the first round. Above some tenths, other processes
	// were active.
	Load string `json:"load"`
}

// describe returns a report without samples.
func (h *harness) describe(ctx context.Context) (*Report, error) {
	r := &Report{
		Machine: Machine{
			Processor:  procValue("/proc/cpuinfo", "model name"),
			Processors: runtime.NumCPU(),
			Memory:     procValue("/proc/meminfo", "MemTotal"),
			Kernel:     version(ctx, "uname", "-sr"),
			Load:       loadAverage(),
		},
		Versions: map[string]string{
			"sluice": version(ctx, h.opts.Program, "version"),
			"psql":   version(ctx, h.psql, "--version"),
			"curl":   version(ctx, "curl", "--version"),
			"gzip":   version(ctx, "gzip", "--version"),
			"go":     runtime.Version(),
		},
		Settings: append([]string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}, serverSettings(h.opts.Size)...),
		Form:     h.opts.Form,
		Tables:   h.tables,
	}
	var server string
	if err := h.db.QueryRow(ctx, `SHOW server_version`).Scan(&server); err != nil {
		return nil, fmt.Errorf("read PostgreSQL's version: %w", err)
	}
	r.Versions["postgres"] = "PostgreSQL " + server
	for _, name := range []string{"gzip", "pigz"} {
		if _, err := exec.LookPath(name); err != nil {
			r.Missing = append(r.Missing, name)
		}
	}
	if h.duckDB == "" {
		r.Missing = append(r.Missing, "DuckDB")
	} else {
		r.Versions["duckdb"] = duckDBPackage
	}
	return r, nil
}

// version returns the first line of a program's version, without the libraries of curl; ""
// if it fails.
func version(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte(" libcurl"))
	return string(line)
}

// procValue returns the value of a name in a file of /proc; "" if it has none.
func procValue(path, name string) string {
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

func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(content))[:1], "")
}
