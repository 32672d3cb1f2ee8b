package dump

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// writeFiles writes the files of all parts, and the manifest last.
func (d *dump) writeFiles(ctx context.Context, out output.Output) error {
	err := d.writeParts(ctx, out)
	if err == nil {
		err = d.writeManifest(ctx, out)
	}
	if err != nil {
		return errors.Join(err, d.removeFiles(context.WithoutCancel(ctx), out))
	}
	return nil
}

// writeParts writes the parts, the largest first, so that the last ones are short.
func (d *dump) writeParts(ctx context.Context, out output.Output) error {
	var parts []*part
	for _, t := range d.tables {
		parts = append(parts, t.parts...)
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(b.size, a.size) })
	queue := make(chan *part, len(parts))
	for _, p := range parts {
		queue <- p
	}
	close(queue)

	group, ctx := errgroup.WithContext(ctx)
	for _, reader := range d.readers {
		group.Go(func() error {
			for p := range queue {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := d.writePart(ctx, out, reader, p); err != nil {
					return fmt.Errorf("dump %s: %w", p.table.scan.Table.Type, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// writePart writes the file of a part, if it has rows.
func (d *dump) writePart(ctx context.Context, out output.Output, reader *source.Reader, p *part) error {
	progress := d.Progress.Begin(p.name, p.size)
	err := p.write(ctx, out, reader, d.format(), progress)
	progress.End(err == nil)
	return err
}

func (p *part) write(ctx context.Context, out output.Output, reader *source.Reader, options ndjson.Options, progress Part) error {
	rows := newPageRows(ctx, reader, p.table.scan, p.eachRange(), progress.Add)
	defer rows.Close()
	var file *hashedFile
	next := func(ctx context.Context) (io.Writer, error) {
		created, err := out.Create(ctx, p.name)
		if err != nil {
			return nil, err
		}
		file = &hashedFile{File: created, hash: sha256.New()}
		return file, nil
	}
	_, files, err := ndjson.WriteFiles(ctx, next, p.table.scan.Table.Type, rows, options)
	if file == nil {
		return err
	}
	if err == nil {
		err = file.Publish(ctx)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	p.resources, p.bytes, p.longest = files[0].Rows, files[0].Bytes, files[0].MaxLineBytes
	p.sha256 = file.hash.Sum(nil)
	return nil
}

// eachRange returns a function that returns the part's ranges one by one.
func (p *part) eachRange() func() (catalog.PageRange, bool) {
	rest := p.ranges
	return func() (pages catalog.PageRange, ok bool) {
		if len(rest) == 0 {
			return pages, false
		}
		pages, rest = rest[0], rest[1:]
		return pages, true
	}
}

// hashedFile is a file that hashes what is written.
type hashedFile struct {
	output.File
	hash hash.Hash
}

func (f *hashedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.hash.Write(p[:n])
	return n, err
}

// removeFiles removes what was written, complete or not: first the manifest, which could be
// in place although writing it failed, so that it never describes files that are removed.
func (d *dump) removeFiles(ctx context.Context, out output.Output) error {
	if err := out.RemoveDocument(ctx, manifest.Name); err != nil {
		return err
	}
	var failed []error
	for _, t := range d.tables {
		for _, p := range t.parts {
			failed = append(failed, out.Discard(ctx, p.name), out.RemoveDocument(ctx, p.name))
		}
	}
	return errors.Join(failed...)
}
