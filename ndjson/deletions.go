package ndjson

import (
	"context"
	"net/url"
)

// maxEntries is the maximum number of deletions in a Bundle, which a server applies
// in one transaction.
const maxEntries = 100

// IDs are the ids of deleted resources, such as *source.IDs, which documents these
// methods. The caller closes them.
type IDs interface {
	Next() bool
	ID() []byte
	Err() error
	Cancel()
}

// WriteDeletions writes the ids of deleted resources: a line for every hundred ids, a
// Bundle of type transaction with an entry DELETE Type/id for each (Bulk Data 3.0.0,
// "Response - Output Manifest", deleted). Characters of an id that a URL cannot have
// are percent-encoded. Otherwise it is as WriteFiles, with StoredBytes 0.
func WriteDeletions(ctx context.Context, next NextFunc, resourceType string, ids IDs, opts Options) (Result, []File, error) {
	sink := newSplitter(ctx, next, opts)
	t := startTransfer(ctx, sink, opts)
	defer t.abort()
	result, err := t.finish(resourceType, t.copyDeletions(resourceType, ids))
	return result, sink.files, err
}

// copyDeletions writes a line for every hundred ids. It cancels the ids when writing
// fails.
func (t *transfer) copyDeletions(resourceType string, ids IDs) error {
	stop := context.AfterFunc(t.ctx, ids.Cancel)
	defer stop()
	to, b := t.pipe.add(t.tally, compressNothing), bundle{resourceType: resourceType}
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

// bundle collects the deletions of a line.
type bundle struct {
	resourceType string
	text         []byte // up to the last entry
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
	// After this, JSON has nothing to escape.
	b.text = append(b.text, url.PathEscape(string(id))...)
	b.text = append(b.text, `"}}`...)
}

// write writes the Bundle and begins another.
func (b *bundle) write(ctx context.Context, to *producer) error {
	b.entries = 0
	_, err := to.line(ctx, len(b.text), func(dst []byte) ([]byte, error) { return append(append(dst, b.text...), "]}\n"...), nil })
	return err
}
