package ndjson

import (
	"context"
	"net/url"
)

// maxEntries is how many deletions one Bundle holds at most: whoever carries it
// out does so in one transaction.
const maxEntries = 100

// IDsFunc hands ids to fn as RowsFunc does rows. Reader.Deletions becomes one when
// wrapped in a function literal.
type IDsFunc func(ctx context.Context, fn func(id []byte) error) error

// WriteDeletions writes what was deleted: a line for every hundred ids, each a
// Bundle of type transaction whose entries ask for DELETE of Type/id (Bulk Data
// 3.0.0, "Response - Output Manifest", deleted). What an id has that a URL has
// not is percent-encoded. Otherwise it is as WriteFiles; no bytes count as
// stored.
func WriteDeletions(ctx context.Context, next NextFunc, resourceType string, ids IDsFunc, opts Options) (Result, []File, error) {
	sink := newSplitter(next, opts)
	result, err := transfer(ctx, sink, resourceType, opts, func(ctx context.Context, lines *lines) error {
		maker, b := lines.maker(), bundle{resourceType: resourceType}
		err := ids(ctx, func(id []byte) error {
			b.add(id)
			if b.entries < maxEntries {
				return nil
			}
			return b.write(ctx, maker)
		})
		if err != nil || b.entries == 0 {
			return err
		}
		return b.write(ctx, maker)
	})
	return result, sink.files, err
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
func (b *bundle) write(ctx context.Context, m *maker) error {
	b.entries = 0
	return m.line(ctx, len(b.text), 0, func(dst []byte) []byte { return append(append(dst, b.text...), "]}\n"...) })
}
