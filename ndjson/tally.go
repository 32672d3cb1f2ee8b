package ndjson

import "sync"

// tally sums the counts of all producers.
type tally struct {
	progress func(rows, storedBytes int64) // may be nil
	notify   func(Issue)                   // may be nil

	mu  sync.Mutex
	sum Result
}

// issue counts an issue of any producer.
func (t *tally) issue(issue Issue) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.sum.Issues++
	if t.notify != nil {
		t.notify(issue)
	}
}

// report adds the counts of the producer since its last report.
func (t *tally) report(p *producer) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.addLocked(p)
	t.progressLocked()
}

// result returns the sum, including the producers, which must have ended.
func (t *tally) result(producers []*producer, complete bool) Result {
	t.mu.Lock()
	defer t.mu.Unlock()

	for _, p := range producers {
		t.addLocked(p)
	}
	if complete {
		t.progressLocked()
	}
	return t.sum
}

func (t *tally) addLocked(p *producer) {
	t.sum.Rows += p.made.Rows
	t.sum.PlainBytes += p.made.PlainBytes
	t.sum.StoredBytes += p.made.StoredBytes
	p.made = Result{}
}

func (t *tally) progressLocked() {
	if t.progress != nil {
		t.progress(t.sum.Rows, t.sum.StoredBytes)
	}
}
