package progress

import (
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"
)

// bars shows a display's progress as bars that are drawn in place: the running items in the
// order in which they began, below them one bar for all.
//
// While they draw, mpb's goroutines ask for the counts, which Display.mu guards. Calls of
// mpb wait for those goroutines, so they are made under a lock of their own.
type bars struct {
	display *Display
	out     io.Writer

	mu      sync.Mutex // guards what follows, and calls of drawing
	drawing *mpb.Progress
	closed  bool
	rows    []*row // of running items
	next    int    // priority of the next row
	all     *mpb.Bar
	waiting *mpb.Bar // the row of the status
	text    statusText
}

// row is a running item and its bar, which is nil if the terminal has no line for it.
type row struct {
	item     *Item
	priority int
	bar      *mpb.Bar
}

// The order of rows: items by their beginning, then these.
const (
	statusPriority = math.MaxInt - 1
	allPriority    = math.MaxInt
)

const (
	refresh  = 200 * time.Millisecond
	barWidth = 50 // maximum
)

// newBars returns bars that are drawn on w. Output is the same for mpb.
func newBars(d *Display, w io.Writer, output mpb.ContainerOption) *bars {
	return &bars{display: d, out: w, drawing: mpb.New(
		output,
		mpb.WithAutoRefresh(),
		mpb.WithRefreshRate(refresh),
		mpb.WithWidth(barWidth),
	)}
}

// total shows the bar of all.
func (b *bars) total() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.showAll()
}

func (b *bars) showAll() {
	if b.all == nil && !b.closed {
		b.all = b.add(&drawer{state: b.display.overall}, allPriority)
	}
}

func (b *bars) begin(i *Item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.showAll()
	b.rows = append(b.rows, &row{item: i, priority: b.next})
	b.next++
	b.reveal()
}

// reveal adds bars for items as long as the terminal has lines for them.
func (b *bars) reveal() {
	if b.closed {
		return
	}
	lines := max(1, height(b.out)-3) // of all, the status and the cursor
	for _, r := range b.rows[:min(lines, len(b.rows))] {
		if r.bar == nil {
			r.bar = b.add(&drawer{state: r.item.state, unit: b.display.unit}, r.priority)
		}
	}
}

// height returns the number of lines of a terminal.
func height(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if _, height, err := term.GetSize(int(file.Fd())); err == nil {
			return height
		}
	}
	return 24
}

// add adds a bar. It returns nil if the terminal is gone; the command continues without
// bars.
func (b *bars) add(d *drawer, priority int) *mpb.Bar {
	bar, err := b.drawing.Add(0, d.filler(), mpb.BarPriority(priority), d.left(), d.right())
	if err != nil {
		return nil
	}
	return bar
}

func (b *bars) end(i *Item, _ bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.rows, func(r *row) bool { return r.item == i })
	if at < 0 {
		return
	}
	drop(b.rows[at].bar)
	b.rows = slices.Delete(b.rows, at, at+1)
	b.reveal()
}

// drop removes a bar, which may be nil.
func drop(bar *mpb.Bar) {
	if bar != nil {
		bar.Abort(true)
	}
}

func (b *bars) status(text string) {
	b.text.set(text)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case text == "":
		drop(b.waiting)
		b.waiting = nil
	case b.waiting == nil && !b.closed:
		b.waiting, _ = b.drawing.Add(0, nil, mpb.BarPriority(statusPriority), b.text.row())
	}
}

func (b *bars) write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		if n, err := b.drawing.Write(text); err == nil {
			return n, nil
		}
	}
	return b.out.Write(text)
}

// close removes all bars.
func (b *bars) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	for _, r := range b.rows {
		drop(r.bar)
	}
	drop(b.waiting)
	drop(b.all)
	b.drawing.Wait()
}
