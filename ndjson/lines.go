package ndjson

import (
	"cmp"
	"context"
	"sync"
)

// lines is the side that makes lines, in one goroutine or in several.
type lines struct {
	pipe     *pipe
	level    int                           // of gzip; 0 means none
	progress func(rows, storedBytes int64) // may be nil
	notify   func(Issue)                   // may be nil

	mu     sync.Mutex
	makers []*maker
	sum    Result // of what the makers have reported
}

func newLines(p *pipe, opts Options) *lines {
	l := &lines{pipe: p, progress: opts.Progress, notify: opts.Issue}
	if opts.Gzip {
		l.level = cmp.Or(opts.GzipLevel, DefaultGzipLevel)
	}
	return l
}

// result counts what the makers have done, which must have ended.
func (l *lines) result(whole bool) Result {
	l.mu.Lock()
	defer l.mu.Unlock()

	for _, m := range l.makers {
		m.reportLocked()
	}
	if whole && l.progress != nil {
		l.progress(l.sum.Rows, l.sum.StoredBytes)
	}
	return l.sum
}

// issue takes the word of an issue from any maker.
func (l *lines) issue(issue Issue) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.sum.Issues++
	if l.notify != nil {
		l.notify(issue)
	}
}

// maker makes the lines of one goroutine.
type maker struct {
	lines *lines
	lane  *lane
	made  Result // since the last report
}

// maker adds one.
func (l *lines) maker() *maker {
	l.mu.Lock()
	defer l.mu.Unlock()

	m := &maker{lines: l, lane: l.pipe.lane(l.level)}
	l.makers = append(l.makers, m)
	return m
}

// line makes one line of about this size, out of that many stored bytes.
func (m *maker) line(ctx context.Context, size, stored int, format func(dst []byte) []byte) error {
	if err := m.header(ctx, size, format); err != nil {
		return err
	}
	m.made.Rows++
	m.skip(stored)
	return nil
}

// header makes a line that is not a row.
func (m *maker) header(ctx context.Context, size int, format func(dst []byte) []byte) error {
	n, err := m.lane.put(ctx, size, format)
	m.made.PlainBytes += int64(n)
	return err
}

// skip counts the stored bytes of a row that needs no further line.
func (m *maker) skip(stored int) {
	m.made.StoredBytes += int64(stored)
	if m.made.StoredBytes >= chunkSize {
		m.report()
	}
}

// report adds what was made to the sum and tells how far all makers are.
func (m *maker) report() {
	l := m.lines
	l.mu.Lock()
	defer l.mu.Unlock()

	m.reportLocked()
	if l.progress != nil {
		l.progress(l.sum.Rows, l.sum.StoredBytes)
	}
}

func (m *maker) reportLocked() {
	sum := &m.lines.sum
	sum.Rows += m.made.Rows
	sum.PlainBytes += m.made.PlainBytes
	sum.StoredBytes += m.made.StoredBytes
	m.made = Result{}
}
