package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/cli/progress"
	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/ndjson"
)

type dumpCommand struct {
	Types []string `arg:"" optional:"" name:"type" help:"Resource types to dump, such as Patient Observation."`

	sourceSettings    `group:"databases"`
	createdAtSettings `group:"formats"`
	versionIDSettings `group:"formats"`

	All    bool     `help:"Dump all FHIR resource types that have a table."`
	Output string   `short:"o" default:"-" placeholder:"DIR" help:"Folder for the files, which must be missing or empty, or - for standard output, which is the default."`
	FHIR   bool     `name:"fhir" help:"Write FHIR R4 instead of the format of Aidbox."`
	Gzip   bool     `help:"Compress the output."`
	Since  pastTime `placeholder:"TIME" help:"Only resources created after this time, such as 2026-01-31 or 2026-01-31T08:00:00Z."`
	Where  []string `sep:"none" placeholder:"FILTER" help:"Only resources of a type that match this search, in the syntax of _typeFilter: 'Observation?code=http://loinc.org|4548-4&date=ge2026'. Repeatable; a resource must match one of the filters of its type."`
	Jobs   int      `short:"j" default:"1" help:"Number of connections that read at the same time, 1 to 64. With several, a large table becomes several files, or its lines on standard output have no defined order."`
	Quiet  bool     `short:"q" help:"Show no progress."`

	filters map[string][]search.Filter
}

// Help shows examples.
func (cmd *dumpCommand) Help() string {
	return `Reads the source database directly, as pg_dump does: no server, client, bucket or
state database is needed, and a role that may SELECT from the tables is sufficient.
All types show one snapshot of the database, and the lines are those of $dump. In a
folder, manifest.json is written last, when all files are complete; sluice fetch
verify checks them.

  sluice dump Patient | head
  sluice dump Patient Observation -o data --fhir --gzip --jobs 4
  sluice dump Observation --where 'Observation?code=http://loinc.org|4548-4' > a1c.ndjson
  sluice dump --all -o data`
}

// Validate checks the settings and parses the filters.
func (cmd *dumpCommand) Validate() error {
	switch {
	case cmd.All && len(cmd.Types) > 0:
		return errors.New("--all dumps all resource types: name no others")
	case !cmd.All && len(cmd.Types) == 0:
		return errors.New("no resource types: name some, such as Patient Observation, or set --all")
	case cmd.Output == "":
		return errors.New("-o must be a folder or - for standard output, got an empty text")
	case strings.Contains(cmd.Output, "://"):
		return fmt.Errorf("-o must be a folder or - for standard output, got %s: sluice serve exports to a bucket, and sluice fetch copies an export to one", cmd.Output)
	case strings.HasSuffix(cmd.Output, ".ndjson") || strings.HasSuffix(cmd.Output, ".gz"):
		return fmt.Errorf("-o names a folder: redirect standard output to write a single file, as in sluice dump Patient > %s", filepath.Base(cmd.Output))
	case cmd.Jobs < 1 || cmd.Jobs > 64:
		return fmt.Errorf("--jobs must be between 1 and 64, got %d", cmd.Jobs)
	}
	if cmd.All {
		cmd.Types = fhir.R4().ResourceTypes()
	}
	cmd.Types = distinctTypes(cmd.Types)
	if err := cmd.parseFilters(); err != nil {
		return fmt.Errorf("--where: %w", err)
	}
	return validate(&cmd.sourceSettings)
}

// distinctTypes returns each type once, in the spelling of FHIR if it is one of FHIR.
func distinctTypes(types []string) (distinct []string) {
	for _, resourceType := range types {
		if resourceType = spelling(resourceType); !slices.Contains(distinct, resourceType) {
			distinct = append(distinct, resourceType)
		}
	}
	return distinct
}

// spelling returns the resource type in the spelling of FHIR if it is one of FHIR.
func spelling(resourceType string) string {
	for _, known := range fhir.R4().ResourceTypes() {
		if strings.EqualFold(known, resourceType) {
			return known
		}
	}
	return resourceType
}

func (cmd *dumpCommand) parseFilters() error {
	cmd.filters = map[string][]search.Filter{}
	for _, value := range cmd.Where {
		for _, text := range search.SplitTypeFilters(value) {
			resourceType, query, found := strings.Cut(text, "?")
			resourceType = spelling(resourceType)
			switch {
			case !found || query == "":
				return fmt.Errorf("a filter is a search such as Observation?status=final, got %q", text)
			case !slices.Contains(cmd.Types, resourceType):
				return fmt.Errorf("%s is not among the resource types to dump", resourceType)
			}
			filter, err := search.Parse(resourceType, query)
			if err != nil {
				return fmt.Errorf("%s: %w", resourceType, err)
			}
			cmd.filters[resourceType] = append(cmd.filters[resourceType], filter)
		}
	}
	return nil
}

// pastTime is a point in time that has passed, in the syntax of FHIR.
type pastTime time.Time

// parsePastTime parses a time. A year, month or day means its beginning in UTC.
func parsePastTime(text string) (pastTime, error) {
	parsed, ok := fhir.ParseTime(text)
	switch {
	case !ok:
		return pastTime{}, fmt.Errorf("must be a time such as 2026-01-31 or 2026-01-31T08:00:00Z, got %q", text)
	case parsed.Low.After(time.Now()):
		return pastTime{}, fmt.Errorf("must not be in the future, got %s", parsed.Low.Format(time.RFC3339))
	}
	return pastTime(parsed.Low), nil
}

// Run dumps the resources.
func (cmd *dumpCommand) Run(ctx context.Context, root *cli, out *output) error {
	stream := cmd.Output == "-"
	if stream && cmd.Gzip && isTerminal(out.stdout) {
		return errors.New("a terminal cannot show gzip: set -o DIR, or redirect the output")
	}
	from, err := cmd.open(ctx, nil, cmd.Jobs, 0, nil)
	if err != nil {
		return err
	}
	defer from.Close()

	style := cmd.style(out, stream)
	var log *slog.Logger // nil unless messages are log lines
	if root.Log.Format == "json" {
		style, log = progress.Quiet, root.Log.logger(out)
	}
	display := progress.New(out.stderr, progress.Options{Style: style, Unit: "resource", Item: "part"})
	defer display.Close()
	options := cmd.options(display)
	if log != nil {
		options.Warn = func(text string) { log.Warn(text) }
	}
	if stream {
		_, err := dump.ToStream(ctx, from, pipeWriter(out.stdout), options)
		return err
	}
	folder, err := openDumpFolder(cmd.Output)
	if err != nil {
		return err
	}
	result, err := folder.dump(ctx, from, options)
	display.Close()
	switch {
	case err != nil:
		return err
	case cmd.Quiet:
	case log != nil:
		log.Info("dump complete", "resources", result.Resources(), "types", countsByType(result))
	default:
		printCounts(out.stderr, result)
	}
	return nil
}

// style returns the style of progress: there is none among lines on the same terminal.
func (cmd *dumpCommand) style(out *output, stream bool) progress.Style {
	if cmd.Quiet || stream && isTerminal(out.stdout) {
		return progress.Quiet
	}
	return barsOnTerminal(out.stderr)
}

func (cmd *dumpCommand) options(display *progress.Display) dump.Options {
	return dump.Options{
		Types:        cmd.Types,
		Optional:     cmd.All,
		CreatedAfter: time.Time(cmd.Since),
		Filters:      cmd.filters,
		Format:       ndjson.Format{FHIR: cmd.FHIR, Style: fhir.Style{CreatedAtURL: cmd.CreatedAtURL, VersionIDAsString: cmd.asString()}},
		Gzip:         cmd.Gzip,
		Jobs:         cmd.Jobs,
		Request:      cmd.request(),
		Progress:     dumpProgress{display},
		Warn:         func(text string) { display.Warn("warning: " + text) },
	}
}

// request returns the command for the manifest, quoted for a shell and without the settings
// of the database.
func (cmd *dumpCommand) request() string {
	words := append([]string{"sluice dump"}, cmd.Types...)
	if cmd.All {
		words = []string{"sluice dump --all"}
	}
	if cmd.FHIR {
		words = append(words, "--fhir")
	}
	if since := time.Time(cmd.Since); !since.IsZero() {
		words = append(words, "--since "+since.UTC().Format(time.RFC3339Nano))
	}
	for _, filter := range cmd.Where {
		words = append(words, "--where '"+strings.ReplaceAll(filter, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// dumpProgress shows the progress of a dump: an item for each part.
type dumpProgress struct{ display *progress.Display }

func (p dumpProgress) Total(bytes int64, parts int) { p.display.Total(bytes, int64(parts)) }

func (p dumpProgress) Begin(name string, bytes int64) dump.Part {
	return p.display.Item(name, bytes, 0)
}

// countsByType returns the number of resources of each type.
func countsByType(result dump.Result) map[string]int64 {
	counts := map[string]int64{}
	for _, count := range result.Types {
		counts[count.Type] = count.Resources
	}
	return counts
}

// printCounts prints the number of resources of each type.
func printCounts(w io.Writer, result dump.Result) {
	for _, count := range result.Types {
		_, _ = fmt.Fprintf(w, "%10d %s\n", count.Resources, count.Type)
	}
	_, _ = fmt.Fprintf(w, "%10d resources\n", result.Resources())
}
