// Package dump writes the resources of a database to files or to a stream, all as one
// snapshot shows them: the lines of GET /<Type>/$dump, without a server.
//
// A dump is planned as parts, each of which is a page range of a table and becomes a
// file. Readers that share the snapshot take the parts one after the other. The package
// must not know flags, how progress is shown, HTTP, and what exports are.
package dump

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// Options configure a dump.
type Options struct {
	// Types are the resource types to dump, each of which must have a table. The output
	// has their order.
	Types []string

	// Optional means that a type without a table is left out.
	Optional bool

	// CreatedAfter, if set, excludes resources that were created at that time or before.
	CreatedAfter time.Time

	// Filters select resources of a type: those that match any of its filters.
	Filters map[string][]search.Filter

	// Format is the format of the lines. Its Attributes are read from the database.
	Format ndjson.Format

	// Gzip compresses the output.
	Gzip bool

	// Jobs is the number of readers.
	Jobs int

	// RangeBytes is the size on disk of what one statement reads, after which progress is
	// reported. Defaults to 16 MiB.
	RangeBytes int64

	// PartBytes is the size on disk from which a table is divided into several files.
	// Defaults to 64 MiB.
	PartBytes int64

	// Request is what the manifest says was requested.
	Request string

	// Progress receives the progress.
	Progress Progress

	// Warn is called with a sentence about something that the user should know. It is
	// never called concurrently.
	Warn func(text string)
}

func (o Options) withDefaults() Options {
	o.RangeBytes = cmp.Or(o.RangeBytes, 16<<20)
	o.PartBytes = cmp.Or(o.PartBytes, 64<<20)
	return o
}

// Progress receives the progress of a dump. Its methods are called concurrently.
type Progress interface {
	// Total receives the size of all parts on disk and their number.
	Total(bytes int64, parts int)
	// Begin is called when a part begins that has a size on disk.
	Begin(name string, bytes int64) Part
}

// Part receives the progress of a part.
type Part interface {
	// Add receives bytes on disk that are read, and resources that are written.
	Add(bytes, resources int64)
	// End is called when the part is complete or failed.
	End(ok bool)
}

// Result counts what was dumped.
type Result struct {
	Types []TypeCount // in the order of Options.Types
	Bytes int64       // as written
}

// TypeCount is the number of resources of a type.
type TypeCount struct {
	Type      string
	Resources int64
}

// Resources returns the number of resources of all types.
func (r Result) Resources() (total int64) {
	for _, t := range r.Types {
		total += t.Resources
	}
	return total
}

// ToFiles writes the files <Type>.<number>.ndjson or .ndjson.gz and then manifest.json,
// which marks the dump as complete. A part without resources has no file. If the dump
// fails, its files are removed.
func ToFiles(ctx context.Context, from *source.Source, out output.Output, options Options) (Result, error) {
	d := &dump{Options: options.withDefaults(), toFiles: true}
	err := d.run(ctx, from, func(ctx context.Context) error { return d.writeFiles(ctx, out) })
	return d.result, err
}

// ToStream writes all resources to one stream: one type after the other, each as a gzip
// member of its own if the stream is compressed.
func ToStream(ctx context.Context, from *source.Source, w io.Writer, options Options) (Result, error) {
	d := &dump{Options: options.withDefaults()}
	err := d.run(ctx, from, func(ctx context.Context) error { return d.writeStream(ctx, w) })
	return d.result, err
}

// dump is a dump under its snapshot.
type dump struct {
	Options
	toFiles  bool // else to a stream, where each table is one part
	snapshot *source.Snapshot
	tables   []*table // in the order of Types
	readers  []*source.Reader
	issues   issues
	result   Result
}

// run takes a snapshot, plans the dump and writes it.
func (d *dump) run(ctx context.Context, from *source.Source, write func(context.Context) error) (err error) {
	if d.snapshot, err = from.OpenSnapshot(ctx); err != nil {
		return cause(ctx, err)
	}
	defer func() { _ = d.snapshot.Close(context.WithoutCancel(ctx)) }() // it ends with the session
	if err := d.plan(ctx, from); err != nil {
		return cause(ctx, err)
	}
	return d.snapshot.While(ctx, func(ctx context.Context) error {
		return cause(ctx, d.runPlanned(ctx, from, write))
	})
}

// cause returns the cause of ctx, if it has ended, instead of an error that follows from it.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// runPlanned reads the tables and writes what was planned.
func (d *dump) runPlanned(ctx context.Context, from *source.Source, write func(context.Context) error) error {
	defer d.closeReaders(ctx)
	if err := d.openReaders(ctx, from); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	if err := write(ctx); err != nil {
		return err
	}
	d.count()
	return nil
}

// openReaders opens as many readers as there is work for.
func (d *dump) openReaders(ctx context.Context, from *source.Source) error {
	ranges := 1
	for _, t := range d.tables {
		for _, p := range t.parts {
			ranges += len(p.ranges)
		}
	}
	for range min(d.Jobs, ranges) {
		reader, err := from.OpenReader(ctx, d.snapshot.ID)
		if err != nil {
			return err
		}
		d.readers = append(d.readers, reader)
	}
	return nil
}

func (d *dump) closeReaders(ctx context.Context) {
	for _, r := range d.readers {
		r.Close(context.WithoutCancel(ctx))
	}
}

// prepare reads what all parts need, and warns of what their lines lack.
func (d *dump) prepare(ctx context.Context) (err error) {
	reader := d.readers[0]
	if d.Format.FHIR {
		if d.Format.Attributes, err = ndjson.ReadAttributes(ctx, reader); err != nil {
			return err
		}
	}
	for _, t := range d.tables {
		others, err := t.otherTypes(ctx, reader)
		if err != nil {
			return err
		}
		if len(others) > 0 {
			d.Warn(otherTypesText(t.scan.Table, others))
		}
	}
	return nil
}

// count sums what was written, and warns of its issues.
func (d *dump) count() {
	for _, t := range d.tables {
		count := TypeCount{Type: t.scan.Table.Type}
		for _, p := range t.parts {
			count.Resources += p.resources
			d.result.Bytes += p.bytes
		}
		d.result.Types = append(d.result.Types, count)
	}
	d.issues.report(d.Warn)
}

// format returns the options of the lines of a part.
func (d *dump) format() ndjson.Options {
	return ndjson.Options{Format: d.Format, Gzip: d.Gzip, Issue: d.issues.add}
}
