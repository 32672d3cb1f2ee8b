package progress

import (
	"io"
	"strings"
	"sync"
	"time"
)

// lines shows a display's progress as plain lines: for each finished item, and every
// interval.
type lines struct {
	display *Display
	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once

	mu      sync.Mutex // guards out and what follows
	out     io.Writer
	current string // status
	shown   string // status that was printed
}

func newLines(d *Display, w io.Writer, every time.Duration) *lines {
	l := &lines{display: d, out: w, stop: make(chan struct{})}
	l.stopped.Go(func() { l.tick(every) })
	return l
}

// tick prints a line each interval.
func (l *lines) tick(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if line := l.line(now); line != "" {
				_, _ = l.write([]byte(line + "\n"))
			}
		case <-l.stop:
			return
		}
	}
}

// line returns the line of an interval, empty if there is nothing new.
func (l *lines) line(now time.Time) string {
	if l.display.started() {
		return l.display.overall(now).line()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == l.shown {
		return ""
	}
	l.shown = l.current
	return l.current
}

// line returns a state as text, such as
// "45%, 1.20/2.60 GB, 12.3 MB/s, 1:54 left, 3/12 files, 1.25M resources".
func (s state) line() string {
	fields := []string{percentText(s.fraction), bytesText(s.bytes, s.size), rateText(s.rate), "", s.name, s.more}
	if s.remaining >= 0 {
		fields[3] = clock(s.remaining) + " left"
	}
	var filled []string
	for _, field := range fields {
		if field != "" {
			filled = append(filled, field)
		}
	}
	return strings.Join(filled, ", ")
}

// started reports whether there is an item or a total.
func (d *Display) started() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.counts
	return len(c.running) > 0 || c.doneItems > 0 || c.totalBytes > 0 || c.totalItems > 0
}

// begin starts the measurement of rates.
func (l *lines) begin(*Item) { l.display.overall(time.Now()) }

func (l *lines) total() { l.begin(nil) }

// end prints the line of an item that succeeded.
func (l *lines) end(i *Item, ok bool) {
	if !ok {
		return
	}
	s := i.state(time.Now())
	line := i.name + ": " + sizeText(s.bytes)
	if s.units > 0 {
		line += ", " + countText(s.units, l.display.unit)
	}
	_, _ = l.write([]byte(line + ", " + clock(time.Since(i.began)) + "\n"))
}

// status prints the first status at once and later ones with the next interval.
func (l *lines) status(text string) {
	l.mu.Lock()
	first := l.shown == "" && text != ""
	l.current = text
	if text == "" || first {
		l.shown = text
	}
	l.mu.Unlock()
	if first {
		_, _ = l.write([]byte(text + "\n"))
	}
}

func (l *lines) write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(text)
}

func (l *lines) close() {
	l.once.Do(func() { close(l.stop) })
	l.stopped.Wait()
}
