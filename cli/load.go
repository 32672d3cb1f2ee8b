package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/seed-90096f4d/sluice/cli/progress"
	"github.com/seed-90096f4d/sluice/load"
)

type loadCommand struct {
	Paths []string `arg:"" name:"path" help:"Files or pipes of ndjson, optionally gzipped, or folders of them (- = standard input)."`

	SourceURL           string `name:"source-url" env:"SLUICE_SOURCE_URL" fromfile:"" placeholder:"URL" group:"databases" help:"Database to load into: postgres://user:password@host:port/database. Required."`
	SourceSchema        string `name:"source-schema" env:"SLUICE_SOURCE_SCHEMA" default:"${source_schema}" group:"databases" help:"Schema of the FHIR tables; created if it is missing."`
	rowSecuritySettings `group:"databases"`
	createdAtSettings   `group:"formats"`
	Format              load.Format `default:"fhir" enum:"fhir,aidbox" help:"Format of the resources: fhir or aidbox."`
	KeepTimes           bool        `help:"Keep meta.lastUpdated and createdAt of the resources instead of setting them to now."`
}

// Help explains the command.
func (cmd *loadCommand) Help() string {
	return `Missing tables are created in the layout of Aidbox, with their history tables. Each
file is loaded completely or not at all. A resource whose id exists becomes its next
version.

  sluice load Patient.ndjson Observation.ndjson.gz
  curl https://example.org/all.ndjson | sluice load -`
}

// Validate requires a database.
func (cmd *loadCommand) Validate() error {
	if cmd.SourceURL == "" {
		return errNoDatabase
	}
	return nil
}

// Run loads the files and prints how many resources were loaded, even if a file failed.
func (cmd *loadCommand) Run(ctx context.Context, out *output) error {
	options := load.Options{
		CreatedAtURL: cmd.CreatedAtURL,
		Format:       cmd.Format,
		KeepTimes:    cmd.KeepTimes,
		RowSecurity:  cmd.RowSecurity,
		Schema:       cmd.SourceSchema,
	}
	display := progress.New(out.stderr, progress.Options{Style: barsOnTerminal(out.stderr), Unit: "resource"})
	options.Progress = (&loadProgress{display: display}).show
	summary, err := load.Files(ctx, cmd.SourceURL, cmd.Paths, options)
	display.Close()

	for _, count := range summary.Types {
		if _, err := fmt.Fprintf(out.stdout, "%10d %s\n", count.Resources, count.Type); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out.stdout, "%10d resources from %d files\n", summary.Resources, summary.Files); err != nil {
		return err
	}
	return err
}

// loadProgress shows the progress of a load: an item for the file that is being read.
type loadProgress struct {
	display *progress.Display
	file    *progress.Item
	last    load.Progress
}

func (l *loadProgress) show(p load.Progress) {
	switch {
	case l.file == nil || p.Files != l.last.Files:
		l.next(p)
	case p.FileBytes < l.last.FileBytes: // after a deadlock
		l.file.Set(0)
		l.last = load.Progress{Resources: p.Resources}
	}
	l.file.Add(p.FileBytes-l.last.FileBytes, p.Resources-l.last.Resources)
	l.last = p
}

// next begins the item of the next file.
func (l *loadProgress) next(p load.Progress) {
	if l.file == nil {
		l.display.Total(max(0, p.Total), int64(p.TotalFiles))
	} else {
		l.file.End(true)
	}
	l.file = l.display.Item(filepath.Base(p.File), max(0, p.FileSize), 0)
	l.last.FileBytes = 0
}
