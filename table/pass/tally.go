package pass

import (
	"sync"

	"github.com/seed-90096f4d/sluice/ndjson"
)

// tally sums the counts of all readers.
type tally struct {
	progress func(rows, storedBytes int64) // may be nil
	notify   func(ndjson.Issue)            // may be nil

	mu  sync.Mutex
	sum Result
}

// issue counts an issue of any reader.
func (t *tally) issue(issue ndjson.Issue) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.sum.Issues++
	if t.notify != nil {
		t.notify(issue)
	}
}

// add adds the counts of a reader since its last report and resets them. It reports the
// progress.
func (t *tally) add(read *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.addLocked(read)
	t.reportLocked()
}

// addLast is add at the end of a reader.
func (t *tally) addLast(read *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addLocked(read)
}

// result returns the sum, after all readers have ended.
func (t *tally) result(complete bool) Result {
	t.mu.Lock()
	defer t.mu.Unlock()

	if complete {
		t.reportLocked()
	}
	return t.sum
}

func (t *tally) addLocked(read *Result) {
	t.sum.Resources += read.Resources
	t.sum.StoredBytes += read.StoredBytes
	*read = Result{}
}

func (t *tally) reportLocked() {
	if t.progress != nil {
		t.progress(t.sum.Resources, t.sum.StoredBytes)
	}
}
