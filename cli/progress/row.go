package progress

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// drawer draws the row of an item or of all: a name, a bar and columns of numbers, which
// are at the same places in all rows. mpb calls it from one goroutine at a time: left, then
// right, then the filler.
type drawer struct {
	state func(time.Time) state
	unit  string // of a column of units, if there is space for one

	shown  state
	layout layout
}

// layout is how the columns of a row fit on a terminal.
type layout struct {
	name    int // width
	columns int // number
	unit    bool
}

// The widths of the columns: 100%, 0.31/1.25 GB, 12.3 MB/s, 1:02:03.
var columnWidths = []int{4, 12, 9, 7}

const (
	gap       = 2  // between columns
	minBar    = 12 // with a space on both sides
	minName   = 12
	maxName   = 40
	unitWidth = 16
)

// layoutOf returns the layout for a terminal. Its last column remains empty, because some
// terminals wrap a line that fills it. Narrow terminals lose the last columns of numbers.
func layoutOf(width int) layout {
	l := layout{columns: len(columnWidths)}
	space := width - 1 - minBar
	for l.columns > 1 && space-numbersWidth(l.columns) < minName {
		l.columns--
	}
	space -= numbersWidth(l.columns)
	l.name = max(0, min(space, maxName))
	l.unit = space-maxName >= unitWidth+gap+minBar
	return l
}

// numbersWidth returns the width of the first columns of numbers.
func numbersWidth(columns int) int {
	width := 0
	for _, w := range columnWidths[:columns] {
		width += w + gap
	}
	return width - gap
}

// left returns the name.
func (d *drawer) left() mpb.BarOption {
	return mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string {
		d.shown, d.layout = d.state(time.Now()), layoutOf(s.AvailableWidth)
		return fit(d.shown.label(d.layout.name), d.layout.name)
	}))
}

// label returns the name of a row, with more if both fit into a width.
func (s state) label(width int) string {
	if long := s.name + ", " + s.more; s.more != "" && runewidth.StringWidth(long) <= width {
		return long
	}
	return s.name
}

// right returns the columns of numbers.
func (d *drawer) right() mpb.BarOption {
	return mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		s := d.shown
		texts := []string{percentText(s.fraction), bytesText(s.bytes, s.size), rateText(s.rate), clock(s.remaining)}
		columns := make([]string, d.layout.columns)
		for i := range columns {
			columns[i] = runewidth.FillLeft(texts[i], columnWidths[i])
		}
		if d.layout.unit && d.unit != "" && s.units > 0 {
			columns = append(columns, countText(s.units, d.unit))
		}
		return strings.Join(columns, strings.Repeat(" ", gap))
	}))
}

// filler returns the bar itself, which is empty if the size is not known.
func (d *drawer) filler() mpb.BarFiller {
	bar := mpb.BarStyle().Build()
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		const whole = 1000
		s.Total, s.Current, s.Completed = whole, int64(max(0, d.shown.fraction)*whole), false
		s.AvailableWidth--
		return bar.Fill(w, s)
	})
}

// statusText is the text of the row of the status, and since when it is shown.
type statusText struct {
	mu    sync.Mutex
	text  string
	since time.Time
}

func (t *statusText) set(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text == "" {
		t.since = time.Now()
	}
	t.text = text
}

// row returns the text and the time since the first status.
func (t *statusText) row() mpb.BarOption {
	return mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string {
		t.mu.Lock()
		defer t.mu.Unlock()
		elapsed := "  " + clock(time.Since(t.since))
		text := runewidth.Truncate(t.text, s.AvailableWidth-1-len(elapsed), "…")
		return text + elapsed
	}))
}
