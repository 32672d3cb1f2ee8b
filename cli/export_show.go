package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
)

type exportShowCommand struct {
	stateDatabase
	exportFormat
	exportID
	Files int `default:"20" help:"Maximum number of files to list (0 = none)."`
}

// Validate checks the id and the settings.
func (cmd *exportShowCommand) Validate() error {
	if cmd.Files < 0 {
		return fmt.Errorf("--files must be 0 or more, got %d", cmd.Files)
	}
	return validateExport(&cmd.exportID, &cmd.stateDatabase)
}

// shownExport is an export with its files, as JSON.
type shownExport struct {
	overview.Export

	Files []overview.File `json:"files"`
}

// Run shows an export.
func (cmd *exportShowCommand) Run(ctx context.Context, out *output) error {
	id, err := cmd.parse()
	if err != nil {
		return err
	}
	return withState(ctx, &cmd.stateSettings, func(pool *pgxpool.Pool) error {
		reader := overview.New(pool)
		export, err := reader.Show(ctx, id)
		if errors.Is(err, jobs.ErrNotFound) {
			return noExport(id)
		}
		if err != nil {
			return err
		}
		shown := shownExport{Export: export, Files: []overview.File{}}
		if cmd.Files > 0 {
			if shown.Files, err = reader.Files(ctx, id, "", cmd.Files); err != nil {
				return err
			}
		}
		if cmd.json() {
			return printJSON(out.stdout, shown)
		}
		return printExport(out.stdout, shown)
	})
}

// printExport prints an export for people.
func printExport(w io.Writer, export shownExport) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range describeExport(export.Export) {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
	}
	printTypes(table, export.Types)
	printParts(table, export.Parts, export.ReadAt)
	printFiles(table, export)
	return table.Flush()
}

// describeExport returns the properties of an export as names and values.
func describeExport(export overview.Export) [][2]string {
	var lines [][2]string
	add := func(is bool, name, format string, args ...any) {
		if is {
			lines = append(lines, [2]string{name, fmt.Sprintf(format, args...)})
		}
	}
	at := func(name string, at *time.Time) {
		if at != nil {
			add(true, name, "%s (%s)", formatTime(*at), ago(export.ReadAt, *at))
		}
	}
	kind := "resources"
	if export.Tables {
		kind = "tables"
	}
	add(true, "id", "%s", export.ID)
	add(true, "client", "%s", export.ClientID)
	add(true, "state", "%s", export.State)
	add(true, "request", "%s level, %s; %s", export.Level, kind, strings.Join(export.Request.Words(), "; "))
	add(export.Failure != "", "failure", "%s", export.Failure)
	if export.WaitingSince != nil && export.FinishedAt == nil {
		add(true, "waits", "for %s: %s", duration(export.ReadAt.Sub(*export.WaitingSince)), export.WaitingReason)
	}
	at("accepted", &export.CreatedAt)
	at("started", export.StartedAt)
	at("snapshot", export.SnapshotAt)
	at("planned", export.PlannedAt)
	at("progress", export.ProgressAt)
	at("finished", export.FinishedAt)
	at("expires", export.ExpiresAt)
	at("files deleted", export.ObjectsDeletedAt)
	if export.TransactionTime != nil {
		add(true, "transactionTime", "%s", export.TransactionTime.UTC().Format(time.RFC3339Nano))
	}
	add(export.LeaseUntil != nil, "held", "by attempt %d, %s", export.Attempt, lease(export.ReadAt, export.LeaseUntil))
	add(export.Restarts > 0, "restarts", "%d", export.Restarts)
	add(export.Repairs > 0, "repairs", "%d", export.Repairs)
	add(export.Warnings > 0, "warnings", "%d", export.Warnings)
	queued := "" // an export that has ended early keeps the number, but not the parts
	if export.FinishedAt == nil {
		queued = fmt.Sprintf(", %d queued or running", export.PartsQueued-export.PartsDone)
	}
	add(export.PartsTotal > 0, "parts", "%d of %d done%s", export.PartsDone, export.PartsTotal, queued)
	add(export.BytesPlanned > 0, "read", "%s of %s (%d%%)", formatBytes(export.BytesRead), formatBytes(export.BytesPlanned), export.Percent())
	add(true, "written", "%s resources or rows in %d files, %s", humanize.Comma(export.Resources), export.FilesStored, formatBytes(export.BytesStored))
	if rate := export.Rate; rate != nil && rate.BytesPerSecond > 0 {
		add(true, "rate", "%s/s, %.0f resources/s (average of %s since %s)", formatBytes(int64(rate.BytesPerSecond)),
			rate.ResourcesPerSecond, duration(seconds(rate.Seconds)), formatTime(rate.Since))
		if rate.Remaining != nil {
			add(true, "remaining", "%s at this rate", duration(seconds(*rate.Remaining)))
		}
	}
	return lines
}

func printTypes(w io.Writer, types []overview.TypeProgress) {
	if len(types) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w, "\nTYPE\tKIND\tPARTS\tRUNNING\tREAD\tOF\tLINES\tFILES\tSIZE")
	for _, t := range types {
		name := t.Type
		if name == "" {
			name = "(several)"
		}
		parts := "-\t-\t-\t-" // files that come with the parts of other types
		if t.Parts > 0 {
			parts = fmt.Sprintf("%d/%d\t%d\t%s\t%s", t.PartsDone, t.Parts, t.PartsRunning, formatBytes(t.BytesRead), formatBytes(t.BytesPlanned))
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", name, t.Kind, parts, t.Resources, t.Files, formatBytes(t.StoredBytes))
	}
}

func printParts(w io.Writer, parts []overview.RunningPart, now time.Time) {
	if len(parts) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w, "\nRUNNING PART\tTYPE\tATTEMPT\tREAD\tOF\tPROGRESS\tLEASE")
	for _, part := range parts {
		progress := "unknown"
		if part.ProgressAt != nil {
			progress = ago(now, *part.ProgressAt)
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\n", part.Number, part.Type, part.Attempt,
			formatBytes(part.BytesRead), formatBytes(part.BytesPlanned), progress, lease(now, part.LeaseUntil))
	}
}

func printFiles(w io.Writer, export shownExport) {
	if len(export.Files) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w, "\nFILE\tLINES\tSIZE\tSHA-256")
	for _, file := range export.Files {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", file.Path, file.Resources, file.StoredBytes, file.SHA256)
	}
	total := 0
	for _, t := range export.Types {
		total += t.Files
	}
	if more := total - len(export.Files); more > 0 {
		_, _ = fmt.Fprintf(w, "… and %d more: --files %d\n", more, total)
	}
}

// ago returns how long before or after now a time is.
func ago(now, at time.Time) string {
	if at.After(now) {
		return "in " + duration(at.Sub(now))
	}
	return duration(now.Sub(at)) + " ago"
}

// lease returns the state of a lease.
func lease(now time.Time, until *time.Time) string {
	switch {
	case until == nil:
		return "no lease"
	case until.After(now):
		return "lease expires in " + duration(until.Sub(now))
	}
	return "lease expired " + ago(now, *until)
}

// duration returns a duration in seconds, and days if there are some.
func duration(d time.Duration) string {
	d = d.Round(time.Second)
	if d < day {
		return d.String()
	}
	return fmt.Sprintf("%dd%s", d/day, (d % day).Round(time.Minute))
}

// maxSeconds is where durations of remaining times end: 100 years.
const maxSeconds = 100 * 365 * 24 * 3600

func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), maxSeconds) * float64(time.Second))
}
