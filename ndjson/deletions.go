package ndjson

import (
	"context"
	"net/url"
)

// maxEntries is how many deletions one Bundle holds at most: whoever carries it
// out does so in one transaction.
const maxEntries = 100

// IDs are the ids of deleted resources, such as *source.IDs. They are not closed
// here.
type IDs interface {
	Next() bool
	ID() []byte
	Err() error
	Cancel()
}

// WriteDeletions writes what was deleted: a line for every hundred ids, each a
// Bundle of type transaction whose entries ask for DELETE of Type/id (Bulk Data
// 3.0.0, "Response - Output Manifest", deleted). What an id has that a URL has
// not is percent-encoded. Otherwise it is as WriteFiles; no bytes count as
// stored.
func WriteDeletions(ctx context.Context, next NextFunc, resourceType string, ids IDs, opts Options) (Result, []File, error) {
	sink := newSplitter(next, opts)
	t := startTransfer(ctx, sink, opts)
	defer t.abort()
	result, err := t.finish(resourceType, t.copyDeletions(resourceType, ids))
	return result, sink.files, err
}

// copyDeletions makes a line of every hundred ids. It cancels the ids when writing
// fails.
func (t *transfer) copyDeletions(resourceType string, ids IDs) error {
	stop := context.AfterFunc(t.ctx, ids.Cancel)
	defer stop()
	to, b := t.pipe.producer(t.tally, false), bundle{resourceType: resourceType}
	for ids.Next() {
		b.add(ids.ID())
		if b.entries < maxEntries {
			continue
		}
		if err := b.write(t.ctx, to); err != nil {
			return err
		}
	}
	if err := ids.Err(); err != nil || b.entries == 0 {
		return err
	}
	return b.write(t.ctx, to)
}

// bundle gathers the deletions of one line.
type bundle struct {
	resourceType string
	text         []byte // without its end
	entries      int
}

func (b *bundle) add(id []byte) {
	if b.entries == 0 {
		b.text = append(b.text[:0], `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	} else {
		b.text = append(b.text, ',')
	}
	b.entries++
	b.text = append(b.text, `{"request":{"method":"DELETE","url":"`...)
	b.text = append(b.text, b.resourceType...)
	b.text = append(b.text, '/')
	// Nothing is left that JSON would have to escape.
	b.text = append(b.text, url.PathEscape(string(id))...)
	b.text = append(b.text, `"}}`...)
}

// write puts the Bundle into the pipe and begins another.
func (b *bundle) write(ctx context.Context, to *producer) error {
	b.entries = 0
	return to.line(ctx, len(b.text), 0, func(dst []byte) []byte { return append(append(dst, b.text...), "]}\n"...) })
}
