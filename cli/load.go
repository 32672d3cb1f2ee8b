package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/seed-90096f4d/sluice/load"
)

type loadCommand struct {
	Paths []string `arg:"" name:"path" help:"Files of ndjson or pipes, gzipped or not; folders of them; - is standard input."`

	SourceURL    string `name:"source-url" env:"SLUICE_SOURCE_URL" placeholder:"URL" help:"Database to load into: postgres://user:password@host:port/database."`
	SourceSchema string `name:"source-schema" env:"SLUICE_SOURCE_SCHEMA" default:"public" help:"The schema of the FHIR tables; made where it is missing."`
	rowSecuritySettings
	CreatedAtURL string      `name:"created-at-url" env:"SLUICE_CREATED_AT_URL" default:"ex:createdAt" help:"The URL of the extension that holds meta.createdAt in FHIR."`
	Format       load.Format `default:"fhir" help:"The format of the resources: fhir or aidbox."`
	KeepTimes    bool        `help:"Keep meta.lastUpdated and createdAt of the resources instead of setting them to now."`
}

// Help shows how it is used.
func (cmd *loadCommand) Help() string {
	return `Tables that are missing are made as Aidbox lays them out, with their history
tables. A file is kept whole or not at all; a resource whose id is there already
becomes its next version.

  sluice load Patient.ndjson Observation.ndjson.gz
  curl https://example.org/all.ndjson | sluice load -`
}

// Validate asks for what has no default.
func (cmd *loadCommand) Validate() error {
	if cmd.SourceURL == "" {
		return errNoDatabase
	}
	return nil
}

// Run loads the files and says what it has kept, also when a file was bad.
func (cmd *loadCommand) Run(ctx context.Context, out *output) error {
	options := load.Options{
		CreatedAtURL: cmd.CreatedAtURL,
		Format:       cmd.Format,
		KeepTimes:    cmd.KeepTimes,
		RowSecurity:  cmd.RowSecurity,
		Schema:       cmd.SourceSchema,
	}
	finish := func() {}
	if isTerminal(out.stderr) {
		options.Progress, finish = showProgress(out.stderr)
	}
	summary, err := load.Files(ctx, cmd.SourceURL, cmd.Paths, options)
	finish()

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

// showProgress draws a bar of bytes; how many are to come is known only when
// reading begins.
func showProgress(w io.Writer) (show func(load.Progress), finish func()) {
	var bar *progressbar.ProgressBar
	show = func(p load.Progress) {
		if bar == nil {
			bar = progressbar.NewOptions64(p.Total,
				progressbar.OptionSetWriter(w),
				progressbar.OptionShowBytes(true),
				progressbar.OptionSetWidth(30),
				progressbar.OptionClearOnFinish(),
			)
		}
		bar.Describe(fmt.Sprintf("%d resources", p.Resources))
		_ = bar.Set64(p.Bytes) // a bar that can't be drawn is no reason to stop
	}
	return show, func() {
		if bar != nil {
			_ = bar.Finish()
		}
	}
}
