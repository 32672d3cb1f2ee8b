package main

import (
	"context"
	"errors"
	"os"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

type execCommand struct {
	Command string `arg:"" optional:"" env:"STAND_RUN" help:"The command, for /bin/sh."`
}

// Run runs the command in a fresh stand and passes its exit code on. Only
// trouble is said, on standard error: the output is the command's.
func (c *execCommand) Run(ctx context.Context, root repository) (err error) {
	if c.Command == "" {
		return errors.New(`say what to run: make stand RUN='bin/sluice migrate && psql "$SLUICE_SOURCE_URL" -c "\dt sluice.*"'`)
	}
	fresh, err := stand.Start(ctx, stand.Options{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = andStop(err, fresh) }()

	env := append(fresh.Settings(), fresh.TestSettings()...)
	return runInside(ctx, string(root), env, "/bin/sh", "-c", c.Command)
}

// andStop stops a stand whatever became of the work in it. A stand that stops
// well leaves the work's error as it is.
func andStop(err error, place *stand.Stand) error {
	if stopErr := place.Stop(); stopErr != nil {
		return errors.Join(err, stopErr)
	}
	return err
}
