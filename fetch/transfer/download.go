package transfer

import (
	"context"
	"errors"
	"strings"
)

// Run downloads the file and publishes it under its name if it is verified. A file that is
// not is downloaded once more; then it is kept as .bad, and the error is a *MismatchError.
//
// When Run fails otherwise, a later Download with the same File and Origin continues. The
// caller closes the File.
func (d *Download) Run(ctx context.Context) (Stored, error) {
	r := &run{d: d}
	r.attempts = d.policy().Begin()
	stored, err := r.run(ctx)
	if r.content != nil {
		// What was received is written to the file, for a later run. The first error counts.
		_ = r.content.stop()
	}
	return stored, err
}

// run is the state of Run.
type run struct {
	d        *Download
	content  *content // nil before the first response
	offset   int64    // bytes of the response received so far
	repeated bool     // the file is downloaded for the second time
	retries
}

// run downloads the file at most twice.
func (r *run) run(ctx context.Context) (Stored, error) {
	if err := r.resume(ctx); err != nil {
		return Stored{}, err
	}
	for {
		err := r.receive(ctx)
		if err == nil {
			err = r.content.finish()
		}
		if err != nil && !errors.Is(err, errCorrupt) {
			return Stored{}, err
		}
		mismatch := r.check()
		if mismatch == nil {
			return r.stored(), r.d.File.Publish(ctx)
		}
		if r.repeated {
			return Stored{}, errors.Join(mismatch, r.d.File.Reject(ctx))
		}
		r.repeated = true
		if err := r.discard(); err != nil {
			return Stored{}, err
		}
	}
}

// errCorrupt ends a download early: it is known that the content is damaged.
var errCorrupt = errors.New("the content is damaged")

// discard begins the file again.
func (r *run) discard() error {
	if r.content != nil {
		if err := r.content.stop(); err != nil {
			return err
		}
	}
	r.content, r.offset = nil, 0
	r.progressFrom(0)
	return r.d.File.Truncate(0)
}

// begin begins the file with the first bytes of a response.
func (r *run) begin(origin Origin, first []byte) error {
	d := r.d
	if err := r.discard(); err != nil {
		return err
	}
	gzipped := origin.Encoding == "gzip" && !isObject(first) || !origin.Opaque && isGzip(first)
	if len(first) == 0 {
		gzipped = false
	}
	origin.Form = d.form(origin, gzipped)
	c := newContent(d, origin, gzipped)
	if err := d.File.SetName(c.name(d.Name)); err != nil {
		return err
	}
	if d.Began != nil {
		if err := d.Began(origin); err != nil {
			return err
		}
	}
	r.content = c
	r.progressTo(origin.Size)
	c.start()
	return nil
}

// form returns how a response is stored.
func (d *Download) form(origin Origin, gzipped bool) Form {
	switch {
	case origin.Opaque && origin.Encoding == "", gzipped != d.Options.Plain && !origin.Opaque:
		return Received
	case gzipped:
		return Unpacked
	case origin.Opaque:
		return Received
	}
	return Compressed
}

// name returns the name that the content is stored by.
func (c *content) name(base string) string {
	if c.origin.Opaque {
		return base
	}
	base = strings.TrimSuffix(base, ".gz")
	if c.gzipped && c.origin.Form == Received || c.origin.Form == Compressed {
		return base + ".gz"
	}
	return base
}

// isGzip reports whether a file begins as gzip does.
func isGzip(begin []byte) bool {
	return len(begin) >= 2 && begin[0] == 0x1f && begin[1] == 0x8b
}

// isObject reports whether a file begins as ndjson does, in spite of a Content-Encoding that
// a proxy has forgotten to remove.
func isObject(begin []byte) bool { return len(begin) > 0 && begin[0] == '{' }

// progressFrom reports the number of bytes from which the transfer continues.
func (r *run) progressFrom(offset int64) {
	if r.d.Progress != nil {
		r.d.Progress.Reset(offset)
	}
}

// progressTo reports the size of the transfer, if it is known.
func (r *run) progressTo(size int64) {
	if r.d.Progress != nil && size > 0 {
		r.d.Progress.Total(size)
	}
}
