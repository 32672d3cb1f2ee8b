package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dustin/go-humanize"

	"github.com/seed-90096f4d/sluice/dev/bench"
)

type benchCommand struct {
	Size      string `default:"1GB" help:"Approximate size of the data set, as jsonb text."`
	Rounds    int    `default:"5" help:"Number of samples of each measure."`
	Form      string `default:"stored" enum:"stored,text" help:"Form in which Sluice reads jsonb (${enum})."`
	Only      string `env:"STAND_ONLY" help:"Take only the measures whose names contain this, and those they are compared with."`
	FirstRows int    `default:"10000000" help:"Rows of the table for the latency of the first byte (0 = skip)."`
	KickOffs  int    `default:"200" help:"Number of kick-offs to time while an export runs (0 = skip)."`
	JSON      string `name:"json" env:"STAND_JSON" default:"bench.json" help:"File for all samples."`
}

// Run measures the product and prints the results. It fails if something went wrong, not
// if something was slow.
func (c *benchCommand) Run(ctx context.Context, root repository) error {
	size, err := humanize.ParseBytes(c.Size)
	if err != nil {
		return fmt.Errorf("--size must be a size such as 1GB, got %q", c.Size)
	}
	logs, err := root.logDir("bench")
	if err != nil {
		return err
	}
	report, err := bench.Run(ctx, bench.Options{
		Program: root.program(), LogDir: logs, Log: os.Stderr,
		Size: int64(size), Rounds: c.Rounds, Form: c.Form, Only: c.Only, FirstRows: c.FirstRows, KickOffs: c.KickOffs,
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", report)
	return report.WriteFile(c.JSON)
}
