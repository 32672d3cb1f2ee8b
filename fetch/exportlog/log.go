// Package exportlog writes the log of an export in the format of the SMART bulk data client
// ("Bulk Data Export Log Items"), and continues the log of an interrupted run. It must not
// know what the events are.
package exportlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// Entry is a line of a log.
type Entry struct {
	ExportID  string         `json:"exportId"`
	Timestamp time.Time      `json:"timestamp"`
	Event     string         `json:"eventId"`
	Details   map[string]any `json:"eventDetail"`
}

// Log is a log, a file in an output. All outputs can write it: none of them needs to append.
type Log struct {
	mu   sync.Mutex
	file output.File
	err  error // the first error
}

// Open opens a log. If the run is resumed, the log begins with what earlier runs have
// written.
func Open(ctx context.Context, out output.Output, name string, resumed bool) (*Log, error) {
	file, err := out.Create(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	if err := restore(ctx, out, file, name, resumed); err != nil {
		return nil, errors.Join(fmt.Errorf("continue %s: %w", name, err), file.Close())
	}
	return &Log{file: file}, nil
}

// restore keeps the complete lines of a run that was killed, or copies the log of a run
// that ended.
func restore(ctx context.Context, out output.Output, file output.File, name string, resumed bool) error {
	var killed, ended int64
	if resumed {
		var err error
		if killed, err = lines(file.Partial(ctx)); err != nil {
			return err
		}
		if ended, err = lines(out.Open(ctx, name)); err != nil {
			return err
		}
	}
	if killed >= ended {
		return errors.Join(file.Truncate(killed), file.SetName(name))
	}
	if err := errors.Join(file.Truncate(0), file.SetName(name)); err != nil {
		return err
	}
	before, err := out.Open(ctx, name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(file, before, ended)
	return errors.Join(err, before.Close())
}

// lines returns the number of bytes of the complete lines of a file, 0 if it does not exist.
func lines(file io.ReadCloser, err error) (complete int64, _ error) {
	if errors.Is(err, output.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	buffer, offset := make([]byte, 64<<10), int64(0)
	for {
		n, err := file.Read(buffer)
		if end := bytes.LastIndexByte(buffer[:n], '\n'); end >= 0 {
			complete = offset + int64(end) + 1
		}
		offset += int64(n)
		if errors.Is(err, io.EOF) {
			return complete, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// Write adds entries.
func (l *Log) Write(entries ...Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err == nil && l.err == nil {
			_, l.err = l.file.Write(append(line, '\n'))
		}
	}
}

// Close publishes the log.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return errors.Join(l.err, l.file.Close())
	}
	return errors.Join(l.file.Publish(ctx), l.file.Close())
}
