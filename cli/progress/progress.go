// Package progress shows the progress of commands on a terminal, as plain lines, or as
// JSON. It must not know what is in progress.
package progress

import (
	"io"
	"time"
)

// Style is how progress is shown.
type Style string

// The styles.
const (
	Auto  Style = ""      // bars on a terminal, else lines
	Bars  Style = "bars"  // one bar in all and one for each running item
	Lines Style = "lines" // a line for each item and every 30 seconds
	Quiet Style = "quiet" // nothing but warnings
)

// Display shows the progress of a command. All methods are safe for concurrent use.
type Display struct{}

// Options are the options of a display.
type Options struct {
	Style Style
	// Unit is what is counted besides bytes, such as resources.
	Unit string
	// Every is the interval of lines; 30 seconds if it is 0.
	Every time.Duration
}

// New returns a display that writes to w. Close ends it.
func New(_ io.Writer, _ Options) *Display { return &Display{} }

// Total sets or raises the number of bytes and of items that are expected; 0 means that it
// is not known.
func (d *Display) Total(_, _ int64) {}

// Item adds a running item, such as a file. Its size is 0 if it is not known.
func (d *Display) Item(_ string, _, _ int64) *Item { return &Item{} }

// Status shows what is going on before items run, such as the X-Progress of a server.
func (d *Display) Status(_ string) {}

// Print prints a line above the bars.
func (d *Display) Print(_ string) {}

// Writer returns a writer for other output, such as log lines, above the bars.
func (d *Display) Writer() io.Writer { return nil }

// Close removes the bars.
func (d *Display) Close() {}

// Item is a running item.
type Item struct{}

// Add adds bytes and units (resources; 0 if they are not counted).
func (i *Item) Add(_, _ int64) {}

// Set sets the number of bytes, for an item that begins again.
func (i *Item) Set(_ int64) {}

// End removes the item. Its bytes count as done only if it succeeded.
func (i *Item) End(_ bool) {}
