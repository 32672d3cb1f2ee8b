// Package load puts ndjson files into FHIR tables laid out as Aidbox lays
// them out: one table a resource type and its history table beside it, which
// it makes where they are missing.
//
// It works at the speed of COPY, in memory bounded in bytes, with one
// transaction a file: a file is kept whole or not at all. It knows nothing of
// exports, HTTP or the command line; whoever calls it draws the progress.
package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
)

// Options say how files are read and where they go. The zero value loads FHIR
// into the schema public.
type Options struct {
	// Format of the resources in the files. Default: FHIR.
	Format Format

	// Schema that holds the FHIR tables; made when missing. Default: "public".
	Schema string

	// RowSecurity lets row-level security hide rows from the role. Without it, a table
	// of which the role does not see all rows is an error.
	RowSecurity bool

	// KeepTimes keeps the times that the resources bring: meta.lastUpdated
	// becomes ts and meta.createdAt (in FHIR format the extension
	// CreatedAtURL of meta) becomes cts; without the latter cts is ts.
	// A resource without them, and every resource without KeepTimes, gets the
	// time of the file's transaction.
	KeepTimes bool

	// CreatedAtURL is the extension that carries createdAt in FHIR format.
	// Default: "ex:createdAt".
	CreatedAtURL string

	// MaxLine is the longest line accepted, in bytes. Default: 256 MiB, about
	// what a jsonb value can hold; at most 1 GiB, the most that PostgreSQL
	// takes for one value.
	MaxLine int

	// BatchBytes is how many bytes of rows are gathered before they are sent
	// as a COPY; up to three times as much is held in memory, and a few times
	// the longest line. Default: 8 MiB.
	BatchBytes int

	// Stdin is what the path "-" reads. Default: os.Stdin.
	Stdin io.Reader

	// Progress, when set, is called after each piece of input read, from one
	// goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a load has come.
type Progress struct {
	File      string // the file being read
	Bytes     int64  // bytes read so far over all files, as stored (compressed)
	Total     int64  // bytes of all files; -1 when standard input is one of them
	Resources int64  // resources read so far over all files
}

func (o Options) withDefaults() Options {
	o.Schema = cmp.Or(o.Schema, "public")
	o.CreatedAtURL = cmp.Or(o.CreatedAtURL, "ex:createdAt")
	o.MaxLine = min(cmp.Or(o.MaxLine, 256<<20), 1<<30)
	o.BatchBytes = cmp.Or(o.BatchBytes, 8<<20)
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	return o
}

// Files loads the files that paths name into the database at databaseURL, one
// after the other. A path is a regular file, a pipe, a folder (its *.ndjson and
// *.ndjson.gz, sorted by name) or "-" for standard input; devices and sockets are
// rejected. Gzip is known by its first bytes,
// whatever the name. A file may mix resource types.
//
// A resource whose id is already there becomes its new version, as with a PUT
// to Aidbox: the old version moves to history, createdAt stays. A loaded
// resource is always a new version, even when nothing in it changed.
//
// The summary counts the files that were committed, also when an error stops
// the rest; the file at fault leaves nothing behind. A line that cannot be
// loaded is a *LineError.
func Files(ctx context.Context, databaseURL string, paths []string, opts Options) (Summary, error) {
	opts = opts.withDefaults()

	files, err := expand(paths)
	if err != nil {
		return Summary{}, fmt.Errorf("load: %w", err)
	}

	l, err := newLoader(ctx, databaseURL, files, opts)
	if err != nil {
		return Summary{}, fmt.Errorf("load: %w", err)
	}
	defer l.close(ctx)

	for _, file := range files {
		if err := l.load(ctx, file); err != nil {
			return l.done.summary(), fmt.Errorf("load: %w", err)
		}
	}
	return l.done.summary(), nil
}
