package ndjson

import (
	"context"

	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source"
)

// BlocksFunc hands out blocks until there are no more, ctx is done or a function
// of to fails; then it returns that error.
type BlocksFunc func(ctx context.Context, to BlockWriter) error

// BlockWriter takes blocks: of each its beginning, then its rows, one at least.
type BlockWriter interface {
	// Begin begins the block of the resource with this id. size is what its rows
	// take on disk, or 0 if that is not known.
	Begin(id []byte, size int64) error

	// Row adds a row of a resource type to the block.
	Row(resourceType string, row *source.Row) error
}

// BlockOptions say how blocks are written.
type BlockOptions struct {
	Options

	// Type is the resource type whose resources have a block each.
	Type string

	// Elements, if set, returns Format.Elements for the resources of a type.
	Elements func(resourceType string) []string
}

// WriteBlocks writes resources in blocks (Bulk Data 3.0.0, "Bulk Data Output File
// Organization"): a line with the header, a Parameters resource that refers to the
// resource the block is of, then a line for each row. A block that does not go
// into one file is cut, and its header is repeated; one that would go into a file
// of its own is not. Otherwise it is as WriteFiles; headers do not count as rows.
func WriteBlocks(ctx context.Context, next NextFunc, blocks BlocksFunc, opts BlockOptions) (Result, []File, error) {
	begins := &beginnings{}
	target := newBlockSplitter(next, begins, opts.Options)
	t := startTransfer(ctx, target, opts.Options)
	defer t.abort()
	to := &blockMaker{ctx: t.ctx, opts: opts, issue: t.tally.issue, producer: t.pipe.producer(t.tally, false), begins: begins}
	result, err := t.finish("blocks", blocks(t.ctx, to))
	return result, target.files.files, err
}

// blockMaker makes the lines of blocks.
type blockMaker struct {
	ctx        context.Context //nolint:containedctx // that of the one call which it serves
	opts       BlockOptions
	issue      func(Issue)
	producer   *producer
	begins     *beginnings
	at         int64 // bytes of lines made
	formatters map[string]*formatter
}

var _ BlockWriter = (*blockMaker)(nil)

// Begin makes the header, and tells the other side where it will come.
func (b *blockMaker) Begin(id []byte, size int64) error {
	b.begins.add(beginning{b.at, size})
	_, err := b.producer.header(b.ctx, len(id), b.counted(func(dst []byte) []byte { return appendHeader(dst, b.opts.Format.FHIR, b.opts.Type, id) }))
	return err
}

// Row makes the line of a row.
func (b *blockMaker) Row(resourceType string, row *source.Row) error {
	formatter := b.formatters[resourceType]
	if formatter == nil {
		formatter = b.formatter(resourceType)
	}
	if formatter.omits(row) {
		b.producer.skip(len(row.Resource))
		return nil
	}
	return b.producer.line(b.ctx, len(row.Resource), len(row.Resource), b.counted(func(dst []byte) []byte { return formatter.appendLine(dst, row) }))
}

// counted returns format with its bytes added to b.at.
func (b *blockMaker) counted(format func(dst []byte) []byte) func(dst []byte) []byte {
	return func(dst []byte) []byte {
		before := len(dst)
		dst = format(dst)
		b.at += int64(len(dst) - before)
		return dst
	}
}

// formatter makes that of a resource type.
func (b *blockMaker) formatter(resourceType string) *formatter {
	if b.formatters == nil {
		b.formatters = map[string]*formatter{}
	}
	format := b.opts.Format
	if b.opts.Elements != nil {
		format.Elements = b.opts.Elements(resourceType)
	}
	made := newFormatter(resourceType, format, b.issue)
	b.formatters[resourceType] = made
	return made
}

// appendHeader appends the line that begins a block: a Parameters resource with a
// parameter named header that refers to a resource.
func appendHeader(dst []byte, fhir bool, resourceType string, id []byte) []byte {
	if fhir {
		dst = append(dst, `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":`...)
		dst = jsonscan.AppendString(dst, []byte(resourceType+"/"+string(id)))
		return append(dst, "}}]}\n"...)
	}
	dst = append(dst, `{"parameter": [{"name": "header", "value": {"Reference": {"id": `...)
	dst = jsonscan.AppendString(dst, id)
	dst = append(dst, `, "resourceType": `...)
	dst = jsonscan.AppendString(dst, []byte(resourceType))
	return append(dst, "}}}], \"resourceType\": \"Parameters\"}\n"...)
}
