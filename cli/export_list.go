package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
)

type exportListCommand struct {
	stateDatabase
	exportFormat
	State  []string  `enum:"accepted,running,completed,failed,cancelled,expired" placeholder:"STATE" help:"Only exports in these states: accepted, running, completed, failed, cancelled, expired; separated by commas."`
	Client string    `placeholder:"ID" help:"Only exports of this client."`
	Level  []string  `enum:"system,patient,group" placeholder:"LEVEL" help:"Only exports of these levels: system, patient, group; separated by commas."`
	Since  sinceTime `placeholder:"TIME" help:"Only exports accepted at this time or later: a date, a time, or a duration before now such as 24h or 7d."`
	Limit  int       `default:"50" help:"Maximum number of exports, at most 1000."`
	After  string    `placeholder:"POSITION" help:"Continue a list after this position, as a list prints it that is longer than --limit."`
}

// Help shows examples.
func (cmd *exportListCommand) Help() string {
	return `  sluice export list --state accepted,running
  sluice export list --client lake --since 7d --state failed
  sluice export list --format json | jq -r '.exports[].id'`
}

// Validate checks the limit and the settings.
func (cmd *exportListCommand) Validate() error {
	if cmd.Limit < 1 || cmd.Limit > overview.MaxLimit {
		return fmt.Errorf("--limit must be between 1 and %d, got %d", overview.MaxLimit, cmd.Limit)
	}
	return cmd.stateDatabase.Validate()
}

// sinceTime is a time in the past.
type sinceTime time.Time

// parseSince parses a date, a time, or a duration before now.
func parseSince(text string) (sinceTime, error) {
	if d, err := parseDuration(text); err == nil && d >= 0 {
		return sinceTime(time.Now().Add(-d)), nil
	}
	at, err := parsePastTime(text)
	if err != nil {
		return sinceTime{}, fmt.Errorf("must be a date such as 2026-01-31, a time such as 2026-01-31T08:00:00Z, or a duration such as 7d, got %q", text)
	}
	return sinceTime(at), nil
}

// Run lists exports.
func (cmd *exportListCommand) Run(ctx context.Context, out *output) error {
	filter := overview.Filter{Client: cmd.Client, Since: time.Time(cmd.Since), After: cmd.After, Limit: cmd.Limit}
	for _, state := range cmd.State {
		filter.States = append(filter.States, jobs.State(state))
	}
	for _, level := range cmd.Level {
		filter.Levels = append(filter.Levels, overview.ParseLevel(level))
	}
	return withState(ctx, &cmd.stateSettings, func(pool *pgxpool.Pool) error {
		page, err := overview.New(pool).List(ctx, filter)
		switch {
		case errors.Is(err, overview.ErrCursor):
			return fmt.Errorf("--after must be a position that sluice export list has printed, got %q", cmd.After)
		case err != nil:
			return err
		case cmd.json():
			return printJSON(out.stdout, page)
		}
		return printExports(out.stdout, page)
	})
}

// printExports prints a table of exports.
func printExports(w io.Writer, page overview.Page) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tCLIENT\tSTATE\tLEVEL\tACCEPTED\tREAD\tFILES\tSIZE\tNOTE")
	for _, export := range page.Exports {
		level := export.Level
		if export.Tables {
			level += " tables"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d%%\t%d\t%s\t%s\n", export.ID, export.ClientID, export.State, level,
			formatTime(export.CreatedAt), export.Percent(), export.FilesStored, formatBytes(export.BytesStored), note(export))
	}
	if err := table.Flush(); err != nil || page.Next == "" {
		return err
	}
	_, err := fmt.Fprintf(w, "More: --after %s\n", page.Next)
	return err
}

// maxNote is the maximum length of a note in a list; sluice export show has all of it.
const maxNote = 60

// note returns what is special about an export.
func note(export overview.Summary) string {
	var notes []string
	if export.Failure != "" {
		notes = append(notes, export.Failure)
	}
	if export.WaitingSince != nil && export.FinishedAt == nil {
		notes = append(notes, "waits: "+export.WaitingReason)
	}
	if restarts := export.Restarts(); restarts > 0 {
		notes = append(notes, fmt.Sprintf("restarts: %d", restarts))
	}
	text := []rune(strings.Join(notes, "; "))
	if len(text) > maxNote {
		text = append(slices.Clone(text[:maxNote-1]), '…')
	}
	return string(text)
}

func formatBytes(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }
