// Package postgres runs a private PostgreSQL from binaries that are installed
// on the machine (or, as root on Debian and its derivatives, installed by it).
//
// It knows nothing about Sluice.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// OldestMajor is the oldest major version that the product supports.
const OldestMajor = 14

// ErrNotFound means that there is no usable PostgreSQL, and names what to do.
var ErrNotFound = fmt.Errorf(
	"no PostgreSQL %d or later was found: install its server (Debian: apt-get install postgresql, macOS: brew install postgresql), or set PG_BINDIR to the directory of initdb and postgres",
	OldestMajor)

// Installation is a directory with the programs of one version.
type Installation struct {
	Dir   string
	Major int
}

// usualDirs are the directories of the server's packages, most of which are not on PATH.
var usualDirs = []string{
	"/usr/lib/postgresql/*/bin",                      // Debian, Ubuntu
	"/usr/pgsql-*/bin",                               // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",                       // Alpine
	"/usr/lib64/postgresql*/bin",                     // Gentoo
	"/usr/local/pgsql/bin",                           // built from source
	"/opt/homebrew/opt/postgresql*/bin",              // Homebrew on Apple silicon
	"/usr/local/opt/postgresql*/bin",                 // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin", // Homebrew on Linux
}

// Find lists the usable installations, the newest first; if PG_BINDIR is set, only that
// one. It returns ErrNotFound instead of an empty list.
func Find(ctx context.Context) ([]Installation, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		found, err := inspect(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("PG_BINDIR=%s: %w", dir, err)
		}
		return []Installation{found}, nil
	}

	var found []Installation
	for _, dir := range candidates(ctx) {
		known := slices.ContainsFunc(found, func(i Installation) bool { return i.Dir == dir })
		if installation, err := inspect(ctx, dir); err == nil && !known {
			found = append(found, installation)
		}
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	slices.SortStableFunc(found, func(a, b Installation) int { return b.Major - a.Major })
	return found, nil
}

func candidates(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// Resolve links on PATH.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range usualDirs {
		matches, err := filepath.Glob(pattern)
		if err == nil {
			dirs = append(dirs, matches...)
		}
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect returns the installation in a directory, which must contain initdb.
func inspect(ctx context.Context, dir string) (Installation, error) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return Installation{}, errors.New("it does not contain initdb")
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("its postgres does not run: %w", err)
	}
	match := versionPattern.FindSubmatch(out)
	if match == nil {
		return Installation{}, fmt.Errorf("unknown version of postgres: %q", strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(string(match[1]))
	if err != nil || major < OldestMajor {
		return Installation{}, fmt.Errorf("PostgreSQL %s is older than %d", match[1], OldestMajor)
	}
	return Installation{Dir: dir, Major: major}, nil
}
