package fetch

import (
	"sync"
	"time"
)

// totals adds up what is to be downloaded in this call of Run.
type totals struct {
	reporter Reporter

	mu           sync.Mutex
	files, bytes int64
	unknown      int // number of files whose size is not known
}

// expect adds files.
func (t *totals) expect(files []*file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range files {
		t.files++
		t.unknown++
		t.resize(-1, f.Size)
	}
	t.report()
}

// forget removes a file that need not be downloaded.
func (t *totals) forget(f *file) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files--
	t.resize(f.Size, 0)
	t.report()
}

// replace changes the size of a file; -1 means that it was not known.
func (t *totals) replace(before, after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resize(before, after)
	t.report()
}

func (t *totals) resize(before, after int64) {
	t.bytes += max(after, 0) - max(before, 0)
	if before < 0 && after >= 0 {
		t.unknown--
	}
}

func (t *totals) report() {
	if t.unknown > 0 {
		t.reporter.Total(t.files, 0)
		return
	}
	t.reporter.Total(t.files, t.bytes)
}

// progress reports the progress of one file. It implements transfer.Progress.
type progress struct {
	FileReporter
	run  *run
	size int64 // that counts in the totals; -1 if it is not known
}

// watch reports that the download of a file begins.
func (r *run) watch(f *file) *progress {
	name := f.String()
	if f.Name != "" && !r.Transfer.Plain {
		name += ".gz"
	}
	return &progress{FileReporter: r.Reporter.Begin(FileInfo{Name: name, Bytes: max(f.Size, 0)}), run: r, size: f.Size}
}

// Total corrects the size: manifests have none, or the size of other bytes than the response
// has.
func (p *progress) Total(bytes int64) {
	p.run.totals.replace(p.size, bytes)
	p.size = bytes
	p.FileReporter.Total(bytes)
}

// Add notes that bytes arrive.
func (p *progress) Add(bytes int) {
	p.run.received.Store(time.Now().UnixNano())
	p.FileReporter.Add(bytes)
}
