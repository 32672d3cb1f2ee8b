package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// sink is a file that is read while it arrives, and not stored. It implements output.File.
type sink struct {
	// begin returns a function that reads the file, and one that keeps what it has read
	// when the file is verified. It is called again for each attempt.
	begin func() (read func(io.Reader) error, commit func())

	written int64
	pipe    *io.PipeWriter
	done    chan error
	commit  func()
}

var errAborted = errors.New("the file begins again")

// Write passes bytes to the reader.
func (s *sink) Write(p []byte) (int, error) {
	s.start()
	n, err := s.pipe.Write(p)
	s.written += int64(n)
	return n, err
}

// start starts a reader unless one is running.
func (s *sink) start() {
	if s.pipe != nil {
		return
	}
	from, to := io.Pipe()
	read, commit := s.begin()
	s.pipe, s.done, s.commit = to, make(chan error, 1), commit
	go func(done chan<- error) {
		err := read(from)
		if err == nil {
			_, err = io.Copy(io.Discard, from)
		}
		_ = from.CloseWithError(err) // always nil
		done <- err
	}(s.done)
}

// stop ends the reader.
func (s *sink) stop(err error) error {
	if s.pipe == nil {
		return nil
	}
	_ = s.pipe.CloseWithError(err) // always nil
	result := <-s.done
	s.pipe, s.written = nil, 0
	return result
}

// Partial returns nothing: what an earlier run has read is lost.
func (s *sink) Partial(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// Truncate forgets what was read.
func (s *sink) Truncate(size int64) error {
	switch size {
	case s.written:
	case 0:
		_ = s.stop(errAborted) // the reader fails with it
	default:
		return output.ErrNotTruncatable
	}
	return nil
}

// SetName does nothing: the file is not stored.
func (s *sink) SetName(string) error { return nil }

// Publish keeps what was read.
func (s *sink) Publish(context.Context) error {
	s.start()
	commit := s.commit
	if err := s.stop(nil); err != nil {
		return err
	}
	commit()
	return nil
}

// Reject forgets what was read.
func (s *sink) Reject(context.Context) error { return s.Truncate(0) }

// Close forgets what was not published.
func (s *sink) Close() error {
	_ = s.stop(errAborted) // the reader fails with it
	return nil
}

// issueSink returns sinks for error files if the output has no place for them; nil if it
// has.
func (r *run) issueSink() func(*file) output.File {
	if !r.Output.Sequential() {
		return nil
	}
	return func(f *file) output.File {
		if f.Section != remote.Errors {
			return nil
		}
		return &sink{begin: func() (func(io.Reader) error, func()) {
			found := &content.Issues{}
			read := func(from io.Reader) error {
				if found.Read(from) != nil {
					found.Count(unreadable(f), 1)
				}
				return nil
			}
			return read, func() { r.issues.Merge(found) }
		}}
	}
}
