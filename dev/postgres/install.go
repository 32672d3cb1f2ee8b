package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FindOrInstall finds PostgreSQL. If that fails, it installs PostgreSQL and writes that to
// log, provided that this process is root and apt-get exists.
func FindOrInstall(ctx context.Context, log io.Writer) ([]Installation, error) {
	found, err := Find(ctx)
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	apt, lookErr := exec.LookPath("apt-get")
	if lookErr != nil || os.Geteuid() != 0 {
		return nil, err
	}
	_, _ = fmt.Fprintln(log, "No PostgreSQL was found; installing it with apt-get.")
	if err := install(ctx, apt); err != nil {
		return nil, err
	}
	return Find(ctx)
}

// install installs the server from Debian's packages. The setting keeps them from
// creating and starting a cluster on port 5432.
func install(ctx context.Context, apt string) error {
	const settings = "/etc/postgresql-common/createcluster.d/sluice-stand.conf"
	if err := os.MkdirAll(filepath.Dir(settings), 0o755); err != nil {
		return fmt.Errorf("install PostgreSQL: %w", err)
	}
	if err := os.WriteFile(settings, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return fmt.Errorf("install PostgreSQL: %w", err)
	}
	defer func() { _ = os.Remove(settings) }()

	for _, args := range [][]string{
		{"update", "-qq"},
		{"install", "-y", "-qq", "--no-install-recommends", "postgresql"},
	} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("install PostgreSQL: apt-get %s: %w\n%s",
				args[0], err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
