package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/seed-90096f4d/sluice/dev/bench"
)

type benchCommand struct {
	Size      string `default:"1GB" help:"About how much jsonb text the data set has."`
	Rounds    int    `default:"5" help:"How often each thing is measured."`
	Only      string `env:"STAND_ONLY" help:"Only what has this in its name, and what that is compared with."`
	FirstRows int    `default:"10000000" help:"The rows of the table whose first byte is waited for; 0 leaves that out."`
	KickOffs  int    `default:"200" help:"How many exports are kicked off while another one runs; 0 leaves that out."`
	JSON      string `name:"json" env:"STAND_JSON" default:"bench.json" help:"The file that every single sample is written to."`
}

// Run measures bin/sluice and prints what it found as a table. It fails when
// something went wrong, not when something was slow.
func (c *benchCommand) Run(ctx context.Context, root repository) error {
	size, err := humanize.ParseBytes(c.Size)
	if err != nil {
		return fmt.Errorf("--size: %q is not a size such as 1GB", c.Size)
	}
	logs := filepath.Join(string(root), ".tools", "bench")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("make a folder for the logs: %w", err)
	}
	report, err := bench.Run(ctx, bench.Options{
		Program:   filepath.Join(string(root), "bin", "sluice"),
		LogDir:    logs,
		Size:      int64(size),
		Rounds:    c.Rounds,
		Only:      c.Only,
		FirstRows: c.FirstRows,
		KickOffs:  c.KickOffs,
		Log:       os.Stderr,
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", report)
	return report.WriteFile(c.JSON)
}
