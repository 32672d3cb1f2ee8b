package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/dev/chaos"
)

type chaosCommand struct {
	Runs  int    `default:"3" help:"How often each fault strikes."`
	Fault string `env:"STAND_FAULT" help:"Only the faults whose names contain this."`
}

// Run lets things go wrong while bin/sluice exports, and prints what became of
// the exports. It fails when anything was lost, doubled or left behind.
func (c *chaosCommand) Run(ctx context.Context, root repository) error {
	logs := filepath.Join(string(root), ".tools", "chaos")
	if err := os.RemoveAll(logs); err != nil {
		return fmt.Errorf("start the logs anew: %w", err)
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("make a folder for the logs: %w", err)
	}
	table, err := chaos.Run(ctx, chaos.Options{
		Program: filepath.Join(string(root), "bin", "sluice"),
		LogDir:  logs,
		Runs:    c.Runs,
		Only:    c.Fault,
		Log:     os.Stdout,
	})
	fmt.Printf("\n%s\nThe logs of its processes: %s\n", table, logs)
	return err
}
