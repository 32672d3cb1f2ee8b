package cli

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/seed-90096f4d/sluice/cli/progress"
	"github.com/seed-90096f4d/sluice/fetch"
	store "github.com/seed-90096f4d/sluice/fetch/output"
)

// fetchDisplay are the flags of what is shown.
type fetchDisplay struct {
	Quiet    bool   `short:"q" help:"Show only warnings and errors."`
	Progress string `default:"auto" enum:"auto,bars,lines,none" help:"How progress is shown: bars, lines, none, or auto (bars on a terminal, else lines). With --log-format json, events are log lines instead."`
}

// reporter returns a reporter that shows progress on standard error.
func (f fetchDisplay) reporter(root *cli, out *output) *fetchReporter {
	style := map[string]progress.Style{"auto": progress.Auto, "bars": progress.Bars, "lines": progress.Lines, "none": progress.Quiet}[f.Progress]
	if f.Quiet {
		style = progress.Quiet
	}
	r := &fetchReporter{}
	if root.Log.Format == "json" {
		style = progress.Quiet
		level := levels[root.Log.Level]
		if f.Quiet {
			level = max(level, slog.LevelWarn)
		}
		r.log = root.Log.at(out, level)
	}
	r.display = progress.New(out.stderr, progress.Options{Style: style, Unit: "resource"})
	r.quiet = f.Quiet
	return r
}

// fetchReporter shows what happens during a copy. It implements fetch.Reporter.
type fetchReporter struct {
	display *progress.Display
	log     *slog.Logger // nil unless events are log lines
	quiet   bool
	// started reports that there is an export to continue.
	started atomic.Bool
}

// Report shows an event.
func (r *fetchReporter) Report(e fetch.Event) {
	if e.Name == fetch.EventProgress || e.Name == fetch.EventKickOff && e.Text != "" {
		r.started.Store(true)
	}
	if r.log != nil {
		r.logEvent(e)
		return
	}
	switch e.Name {
	case fetch.EventWarning:
		r.display.Warn("warning: " + e.Text)
	case fetch.EventDownloadError:
		if e.Text != "" {
			r.display.Warn(e.Text)
		}
	case fetch.EventProgress:
		r.display.Status(e.Text)
	case fetch.EventPage, fetch.EventManifest:
		r.display.Status("")
		if e.Text != "" {
			r.display.Print(e.Text)
		}
	case fetch.EventDownloadComplete: // the display shows the end of items
	default:
		if e.Text != "" {
			r.display.Print(e.Text)
		}
	}
}

// logEvent writes an event as a log line.
func (r *fetchReporter) logEvent(e fetch.Event) {
	attributes := []any{"event", e.Name}
	if e.ExportID != "" { // else the event is not of a run
		attributes = append(attributes, "export", e.ExportID)
	}
	if e.Details != nil {
		attributes = append(attributes, "details", e.Details)
	}
	if e.Text != "" {
		attributes = append(attributes, "text", e.Text)
	}
	switch e.Name {
	case fetch.EventWarning, fetch.EventDownloadError, fetch.EventStatusError:
		r.log.Warn("fetch", attributes...)
	default:
		r.log.Info("fetch", attributes...)
	}
}

// print shows a result.
func (r *fetchReporter) print(text string) {
	if r.log != nil {
		r.log.Info(text)
		return
	}
	r.display.Print(text)
}

// warn shows a sentence.
func (r *fetchReporter) warn(text string) {
	if r.log != nil {
		r.log.Warn(text)
		return
	}
	r.display.Warn("sluice: " + text)
}

// Total sets what is to be downloaded.
func (r *fetchReporter) Total(files, bytes int64) { r.display.Total(bytes, files) }

// Begin shows a file.
func (r *fetchReporter) Begin(file fetch.FileInfo) fetch.FileReporter {
	return fileReporter{r.display.Item(file.Name, file.Bytes, 0)}
}

// close removes the bars.
func (r *fetchReporter) close() { r.display.Close() }

// summarize shows the result of a copy.
func (r *fetchReporter) summarize(to store.Output, result fetch.Result, took time.Duration) {
	if r.quiet || r.log != nil {
		return
	}
	place := to.String()
	if result.Folder != "" {
		place += "/" + result.Folder
	}
	for _, issue := range result.Issues {
		r.display.Print(fmt.Sprintf("%s (%s): %s", issue.Severity, counted(issue.Count, "time"), issue.Text))
	}
	contents := counted(result.Resources, "resource")
	if result.Deleted > 0 {
		contents += ", " + counted(result.Deleted, "deletion")
	}
	r.display.Print(fmt.Sprintf("%s: %s, %s, %s in %s; transactionTime %s",
		place, counted(result.Files, "file"), contents, humanize.Bytes(uint64(max(result.Bytes, 0))), took.Round(time.Second/10), result.TransactionTime))
}

// counted returns a number of things, such as 1 file or 2,000 files.
func counted(n int64, thing string) string {
	return humanize.Comma(n) + " " + english.PluralWord(int(n), thing, "")
}

// fileReporter shows a file. It implements fetch.FileReporter.
type fileReporter struct{ item *progress.Item }

// Total sets the size.
func (r fileReporter) Total(bytes int64) { r.item.Size(bytes) }

// Add adds bytes.
func (r fileReporter) Add(bytes int) { r.item.Add(int64(bytes), 0) }

// Reset sets the bytes.
func (r fileReporter) Reset(bytes int64) { r.item.Set(bytes) }

// End ends the file.
func (r fileReporter) End(resources int64, err error) {
	if err == nil {
		r.item.Add(0, resources)
	}
	r.item.End(err == nil)
}
