package main

import (
	"context"
	"fmt"
	"os"

	"github.com/seed-90096f4d/sluice/dev/chaos"
)

type chaosCommand struct {
	Runs  int    `default:"3" help:"Number of runs of each scenario."`
	Fault string `env:"STAND_FAULT" help:"Run only the scenarios whose names contain this."`
}

// Run runs the scenarios and prints their outcome. It fails if an export was wrong or
// incomplete, or if anything was not cleaned up.
func (c *chaosCommand) Run(ctx context.Context, root repository) error {
	logs, err := root.logDir("chaos")
	if err != nil {
		return err
	}
	table, err := chaos.Run(ctx, chaos.Options{Program: root.program(), LogDir: logs, Runs: c.Runs, Only: c.Fault, Log: os.Stdout})
	fmt.Printf("\n%s\nLogs: %s\n", table, logs)
	return err
}
