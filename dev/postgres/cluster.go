package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// User is the superuser of every cluster.
const User = "postgres"

// Major returns the major version of the cluster in a data directory; 0 if there is no
// complete one.
func Major(dataDir string) int {
	content, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0
	}
	return major
}

// initialize creates a cluster in dataDir. It is created in another directory and renamed
// when it is complete, so that an interrupted attempt leaves no partial cluster.
func initialize(ctx context.Context, opts Options, log *os.File) error {
	fresh := opts.DataDir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("create a cluster: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("create a cluster: %w", err)
	}
	if err := chown(fresh, opts.Owner); err != nil {
		return err
	}
	password := opts.DataDir + ".password"
	if err := os.WriteFile(password, []byte(opts.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("create a cluster: %w", err)
	}
	defer func() { _ = os.Remove(password) }()
	if err := chown(password, opts.Owner); err != nil {
		return err
	}

	args := []string{
		"--pgdata=" + fresh, "--username=" + User, "--pwfile=" + password,
		"--auth=scram-sha-256", "--locale=C", "--encoding=UTF8",
	}
	if opts.Throwaway {
		args = append(args, "--no-sync")
	}
	if err := run(ctx, opts, "initdb", args, log); err != nil {
		return err
	}
	if err := os.Rename(fresh, opts.DataDir); err != nil {
		return fmt.Errorf("create a cluster: %w", err)
	}
	return nil
}

// run runs one of PostgreSQL's programs to its end.
func run(ctx context.Context, opts Options, program string, args []string, log *os.File) error {
	from := size(log)
	child, err := process.Start(process.Spec{
		Path: filepath.Join(opts.Installation.Dir, program), Args: args,
		Env: environment(), Dir: filepath.Dir(opts.DataDir), User: opts.Owner,
		Stdout: log, Stderr: log,
	})
	if err != nil {
		return err
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.SignalGroup(syscall.SIGKILL)
		<-child.Done()
		return ctx.Err()
	}
	if child.Err() != nil {
		return fmt.Errorf("%s failed (%w); last lines of %s:\n%s", program,
			child.Err(), log.Name(), process.Tail(log.Name(), from, tailLines))
	}
	return nil
}

// environment is the environment of PostgreSQL's programs. It has none of the user's PG…
// variables and locales, so that every stand behaves the same and messages are English.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

func size(file *os.File) int64 {
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
