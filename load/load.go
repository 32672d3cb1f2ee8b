// Package load loads ndjson files into FHIR tables with Aidbox's layout: a table for
// each resource type and one for its history. It creates missing tables.
//
// It loads at the speed of COPY, in memory bounded in bytes, with one transaction per
// file: a file is loaded completely or not at all. It knows nothing of exports, HTTP or
// the command line.
package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Format is the format of the resources in a file.
type Format string

const (
	// FHIR is FHIR JSON: references are "Patient/pt-1", choice elements are
	// "valueQuantity". It is converted to Aidbox's format.
	FHIR Format = "fhir"

	// Aidbox is the format of Aidbox's tables and of $dump. It is stored unchanged.
	Aidbox Format = "aidbox"
)

// Options configures a load. The zero value loads FHIR into the schema public.
type Options struct {
	// Format is the format of the resources. Defaults to FHIR.
	Format Format

	// Schema is the schema of the FHIR tables. It is created if it does not exist.
	// Defaults to "public".
	Schema string

	// RowSecurity permits that row-level security hides rows from the role. Without
	// it, that is an error.
	RowSecurity bool

	// KeepTimes keeps the times of the resources: ts is meta.lastUpdated, and cts is
	// meta.createdAt (in FHIR format the extension CreatedAtURL of meta), or else ts.
	// Otherwise, and for a resource without these, both are the time of the file's
	// transaction.
	KeepTimes bool

	// CreatedAtURL is the URL of the extension for meta.createdAt in FHIR format.
	// Defaults to fhir.DefaultCreatedAtURL.
	CreatedAtURL string

	// MaxLine is the maximum length of a line in bytes. Defaults to 256 MiB, about
	// the maximum of a jsonb value; at most 1 GiB, PostgreSQL's maximum for a value.
	MaxLine int

	// BatchBytes is the number of bytes of rows that are sent as one COPY. A load takes a
	// few times as much memory, and a few times the longest line. Defaults to 8 MiB.
	BatchBytes int

	// Stdin is read for the path "-". Defaults to os.Stdin.
	Stdin io.Reader

	// Progress, if set, is called after each read of input, from one goroutine at a
	// time.
	Progress func(Progress)
}

// Progress is the progress of a load.
type Progress struct {
	Bytes     int64 // bytes read of all files, as stored (compressed)
	Total     int64 // bytes of all files; -1 if unknown, as with standard input
	Resources int64 // resources read of all files

	Files      int    // files that are loaded
	TotalFiles int    // files to load
	File       string // path of the file that is being read
	FileBytes  int64  // bytes read of that file; begins again at 0 if the file does
	FileSize   int64  // -1 if unknown
}

func (o Options) withDefaults() Options {
	o.Schema = cmp.Or(o.Schema, "public")
	o.CreatedAtURL = cmp.Or(o.CreatedAtURL, fhir.DefaultCreatedAtURL)
	o.MaxLine = min(cmp.Or(o.MaxLine, 256<<20), 1<<30)
	o.BatchBytes = cmp.Or(o.BatchBytes, 8<<20)
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	return o
}

// Files loads files into the database at databaseURL, one after the other. A path is a
// regular file, a pipe, a folder (its *.ndjson and *.ndjson.gz files, sorted by name)
// or "-" for standard input; devices and sockets are rejected. Gzip is detected by its
// first bytes. A file may contain several resource types.
//
// A resource whose id exists becomes the next version, as with a PUT to Aidbox: the old
// version moves to the history, createdAt remains. That is so even if nothing has
// changed.
//
// The summary counts the files that were committed, also if there is an error. A file
// with an error is not loaded. The error of a line is a *LineError.
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
			return l.summary(), fmt.Errorf("load: %w", err)
		}
	}
	return l.summary(), nil
}
