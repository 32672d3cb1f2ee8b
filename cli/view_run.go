package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
)

type viewRunCommand struct {
	viewFiles
	sourceSettings `group:"databases"`
	fhirSettings   `group:"formats"`

	Format table.Format `default:"csv" enum:"csv,ndjson,json,parquet" help:"Format of the tables: csv, ndjson, json or parquet."`
	Output string       `short:"o" placeholder:"DIR" type:"path" help:"Folder for the tables, <view>.<format>; created if it is missing. Required for several views. Default: standard output."`
}

// Help shows examples.
func (cmd *viewRunCommand) Help() string {
	return `All tables show one snapshot of the database. Views of the same resource type are
evaluated in one pass over its table. A file appears under its name when all tables
are complete.

  sluice view run blood_pressure.json | head
  sluice view run views/*.json -o tables --format parquet`
}

// Validate checks the settings.
func (cmd *viewRunCommand) Validate() error {
	if cmd.Output == "" && len(cmd.Files) > 1 {
		return errors.New("several views require a folder for their tables: -o DIR")
	}
	return validate(&cmd.sourceSettings, &cmd.fhirSettings)
}

// Run runs the views and prints the number of rows of each.
func (cmd *viewRunCommand) Run(ctx context.Context, out *output) (err error) {
	if cmd.Output == "" && cmd.Format == table.Parquet && isTerminal(out.stdout) {
		return errors.New("a terminal cannot show Parquet: set -o DIR, or redirect the output")
	}
	tables, err := cmd.readTables(out)
	if err != nil {
		return err
	}
	from, err := cmd.open(ctx, nil, 1, 0, nil)
	if err != nil {
		return err
	}
	defer from.Close()
	defer func() { err = errors.Join(err, discardTables(tables)) }()

	if err := cmd.runAt(ctx, out, from, tables); err != nil {
		return err
	}
	if err := publishTables(tables); err != nil {
		return err
	}
	for _, t := range tables {
		_, _ = fmt.Fprintf(out.stderr, "%10d %s\n", t.rows, t.name)
	}
	return nil
}

// readTables reads the views.
func (cmd *viewRunCommand) readTables(out *output) ([]*viewTable, error) {
	var tables []*viewTable
	for _, file := range cmd.Files {
		v, err := readView(out, file)
		if err != nil {
			return nil, err
		}
		t := newViewTable(v, nameOf(v, file), cmd.Output, cmd.Format)
		if slices.ContainsFunc(tables, func(other *viewTable) bool { return other.name == t.name }) {
			return nil, fmt.Errorf("%s: another view has the name %s, too", file, t.name)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// runAt takes a snapshot and writes all tables.
func (cmd *viewRunCommand) runAt(ctx context.Context, out *output, from *source.Source, tables []*viewTable) error {
	snapshot, err := from.OpenSnapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = snapshot.Close(context.WithoutCancel(ctx)) }() // it ends with the session
	return snapshot.While(ctx, func(ctx context.Context) error {
		reader, err := from.OpenReader(ctx, snapshot.ID)
		if err != nil {
			return err
		}
		defer reader.Close(context.WithoutCancel(ctx))
		attributes, err := ndjson.ReadAttributes(ctx, reader)
		if err != nil {
			return err
		}
		run := &viewRun{
			format:   ndjson.Format{Style: cmd.style(), Attributes: attributes},
			metadata: table.Metadata{Version: currentVersion(), Snapshot: snapshot.TransactionTime},
			reader:   reader,
			stdout:   out.stdout,
			stderr:   out.stderr,
		}
		for _, group := range byResource(tables) {
			if err := run.pass(ctx, group); err != nil {
				return err
			}
		}
		return nil
	})
}

// byResource groups tables by the resource types of their views.
func byResource(tables []*viewTable) (groups [][]*viewTable) {
	for _, t := range tables {
		i := slices.IndexFunc(groups, func(g []*viewTable) bool { return g[0].view.Resource == t.view.Resource })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// viewRun is a run of views at one snapshot.
type viewRun struct {
	format         ndjson.Format
	metadata       table.Metadata
	reader         *source.Reader
	stdout, stderr io.Writer
}

// pass writes the tables of views of one resource type.
func (r *viewRun) pass(ctx context.Context, tables []*viewTable) error {
	resourceType := tables[0].view.Resource
	from, err := r.reader.Table(ctx, resourceType)
	if err != nil {
		return err
	}
	rows, err := r.reader.Scan(ctx, source.Scan{Table: from})
	if err != nil {
		return err
	}
	defer rows.Close()

	var first ndjson.Issue
	options := pass.Options{Format: r.format, Issue: func(issue ndjson.Issue) {
		if first.ResourceType == "" {
			first = issue
		}
	}}
	result, err := pass.Run(rows.Context(), resourceType, []*source.Rows{rows}, r.outputs(tables), options)
	var unfit *pass.ResourceError
	if errors.As(err, &unfit) {
		return errors.New(unfit.Describe())
	}
	if err != nil {
		return err
	}
	for i, t := range tables {
		t.rows = result.Files[i][0].Rows
	}
	if result.Issues > 0 {
		_, _ = fmt.Fprintf(r.stderr, "warning: %d values of %s could not be read as FHIR, first %s of %s/%s: %s\n",
			result.Issues, resourceType, first.Path, resourceType, first.ID, first.Reason)
	}
	return nil
}

// outputs returns the outputs of a pass.
func (r *viewRun) outputs(tables []*viewTable) (outputs []pass.Output) {
	for _, t := range tables {
		metadata := r.metadata
		metadata.View, metadata.ResourceType = t.view.Canonical(), t.view.Resource
		outputs = append(outputs, pass.Output{
			View:    t.view,
			Options: table.Options{Format: t.format, Metadata: metadata},
			Next:    func(context.Context) (io.Writer, error) { return t.begin(r.stdout) },
		})
	}
	return outputs
}
