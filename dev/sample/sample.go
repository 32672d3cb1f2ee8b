// Package sample makes the data that the local stand shows: a small hospital
// in FHIR R4, the same down to the byte at each run, of any size.
//
// It knows the product only from outside: its files are loaded by the built
// program, and what no file can show (updates, deletions) is written by the SQL
// that Aidbox would run. Nothing in it is about real people.
package sample

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Options say where sample data goes.
type Options struct {
	// Sluice is the path of the built program.
	Sluice string

	// SourceURL is the database that gets the FHIR tables; it must be empty.
	SourceURL string

	// Dir is a folder for the files on their way; they stay there.
	Dir string

	// Resources is about how many resources there will be. Default: 20,000.
	Resources int

	// Env is the environment of the program, in addition to the current one.
	Env []string
}

// Install fills an empty source database with sample data: three documented
// patients, a hospital's records of 2024 and 2025, and among them a resource
// that was updated, one that was deleted and one that came back.
func Install(ctx context.Context, opts Options) error {
	opts.Resources = cmp.Or(opts.Resources, 20_000)

	documented := filepath.Join(opts.Dir, "documented.ndjson")
	if err := os.WriteFile(documented, []byte(documentedPatients), 0o600); err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	paths, err := Write(opts.Dir, opts.Resources)
	if err != nil {
		return err
	}

	// The documented patients come first, so that a dump of the type shows
	// them first: rows lie in the order in which they came.
	for _, step := range []func() error{
		func() error { return opts.load(ctx, "aidbox", documented) },
		func() error { return execute(ctx, opts.SourceURL, documentedSQL) },
		func() error { return opts.load(ctx, "fhir", paths...) },
		func() error { return execute(ctx, opts.SourceURL, changes(opts.Resources)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("sample: %w", err)
		}
	}
	return nil
}

// load runs the program; what it says is part of the error.
func (o Options) load(ctx context.Context, format string, paths ...string) error {
	args := append([]string{"load", "--format", format, "--keep-times"}, paths...)
	cmd := exec.CommandContext(ctx, o.Sluice, args...)
	cmd.Env = append(append(os.Environ(), o.Env...), "SLUICE_SOURCE_URL="+o.SourceURL)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sluice load: %w\n%s", err, out)
	}
	return nil
}

// execute runs statements in one transaction.
func execute(ctx context.Context, databaseURL, sql string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
