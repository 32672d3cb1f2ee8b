// Package progress shows the progress of commands: bars on a terminal, else plain lines. It
// must not know what is in progress.
//
// A Display counts bytes, items (such as files) and units (such as resources). How they are
// shown is the task of a view; the counters are shared with it under a lock that is never
// held while the view waits for the terminal.
package progress

import (
	"cmp"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"
)

// Style is how progress is shown.
type Style string

// The styles.
const (
	Auto  Style = ""      // bars on a terminal, else lines
	Bars  Style = "bars"  // one bar for each running item and one for all
	Lines Style = "lines" // a line for each finished item and every 30 seconds
	Quiet Style = "quiet" // only warnings
)

// Options are the options of a display.
type Options struct {
	Style Style
	// Item is what an item is called, such as file, which is the default.
	Item string
	// Unit is what is counted besides bytes, such as resource. Empty if nothing is.
	Unit string
	// Every is the interval of lines; 30 seconds if it is 0.
	Every time.Duration
}

// Display shows the progress of a command. All methods are safe for concurrent use, and
// texts may come from anywhere: control characters are replaced.
type Display struct {
	view  view
	quiet bool
	unit  string

	mu     sync.Mutex // guards counts and the counts of all items
	counts counts
}

// view shows a display's counts.
type view interface {
	total()
	begin(*Item)
	end(i *Item, ok bool)
	status(text string)
	// write prints whole lines.
	write(lines []byte) (int, error)
	close()
}

// New returns a display that writes to w. Nothing is shown before Total, Item or Status is
// called. Close ends the display.
func New(w io.Writer, options Options) *Display {
	options.Item = cmp.Or(options.Item, "file")
	options.Every = cmp.Or(options.Every, 30*time.Second)
	d := &Display{unit: options.Unit, counts: counts{item: options.Item, unit: options.Unit}}
	switch styleOn(w, options.Style) {
	case Bars:
		d.view = newBars(d, w, mpb.WithConsoleWriter(consoleOn(w)))
	case Lines:
		d.view = newLines(d, w, options.Every)
	default:
		d.view, d.quiet = &quiet{out: w}, true
	}
	return d
}

// styleOn returns the style to use on w.
func styleOn(w io.Writer, style Style) Style {
	if style != Auto {
		return style
	}
	file, ok := w.(*os.File)
	if ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		return Bars
	}
	return Lines
}

// Total sets the number of bytes and of items that are expected; 0 means that it is not
// known.
func (d *Display) Total(bytes, items int64) {
	d.mu.Lock()
	d.counts.totalBytes, d.counts.totalItems = bytes, items
	d.mu.Unlock()
	d.view.total()
}

// Item adds a running item, such as a file, of which done bytes already exist. Its size is 0
// if it is not known.
func (d *Display) Item(name string, size, done int64) *Item {
	item := &Item{display: d, name: printable(name), began: time.Now(), size: size, bytes: done}
	d.mu.Lock()
	d.counts.bytes += done
	d.counts.running = append(d.counts.running, item)
	d.mu.Unlock()
	d.view.begin(item)
	return item
}

// Status shows what is going on while there are no items, such as the X-Progress of a
// server. An empty text ends it.
func (d *Display) Status(text string) { d.view.status(printable(text)) }

// Print prints a line of information above the bars, unless the style is Quiet.
func (d *Display) Print(text string) {
	if !d.quiet {
		d.Warn(text)
	}
}

// Warn prints a line above the bars in every style.
func (d *Display) Warn(text string) {
	_, _ = d.view.write([]byte(printable(text) + "\n")) // the command continues without it
}

// Writer returns a writer for other output, such as log lines, above the bars, in every
// style. Each call of Write must be of whole lines.
func (d *Display) Writer() io.Writer { return writerFunc(d.view.write) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(lines []byte) (int, error) { return f(lines) }

// Close removes the bars. Afterwards, Print, Warn and Writer write directly.
func (d *Display) Close() { d.view.close() }

// Item is a running item of a display.
type Item struct {
	display *Display
	name    string
	began   time.Time

	// Guarded by display.mu.
	size     int64
	bytes    int64 // that exist
	units    int64
	received speed // of bytes added
	added    int64
	ended    bool
}

// Add adds bytes and units (0 if they are not counted).
func (i *Item) Add(bytes, units int64) {
	d := i.display
	d.mu.Lock()
	defer d.mu.Unlock()
	i.bytes += bytes
	i.added += bytes
	i.units += units
	d.counts.bytes += bytes
	d.counts.added += bytes
	d.counts.units += units
}

// Size sets the size of an item whose size was not known, or not correct.
func (i *Item) Size(bytes int64) {
	i.display.mu.Lock()
	defer i.display.mu.Unlock()
	i.size = bytes
}

// Set sets the number of bytes, for an item that begins again. Its units are counted again,
// too.
func (i *Item) Set(bytes int64) {
	i.display.mu.Lock()
	defer i.display.mu.Unlock()
	i.set(bytes)
}

func (i *Item) set(bytes int64) {
	counts := &i.display.counts
	counts.bytes += bytes - i.bytes
	counts.units -= i.units
	i.bytes, i.units = bytes, 0
}

// End removes the item. If it failed, its bytes and units no longer count, and it is the
// caller's task to print why. Only the first call has an effect.
func (i *Item) End(ok bool) {
	if i.display.end(i, ok) {
		i.display.view.end(i, ok)
	}
}

// end removes an item from the counts. It reports whether it was there.
func (d *Display) end(i *Item, ok bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i.ended {
		return false
	}
	i.ended = true
	d.counts.remove(i)
	if !ok {
		i.set(0)
		return true
	}
	d.counts.doneItems++
	return true
}
