// Package exportlog writes the log of an export in the format of the SMART bulk data client
// ("Bulk Data Export Log Items"), and continues the log of an interrupted run. It must not
// know what the events are.
package exportlog

import (
	"bufio"
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
	// Restored is the last event of earlier runs in the log; empty if there is none.
	Restored string

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
	last, err := restore(ctx, out, file, name, resumed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("continue %s: %w", name, err), file.Close())
	}
	return &Log{file: file, Restored: eventIn(last)}, nil
}

// restore keeps the complete lines of a run that was killed, or copies the log of a run
// that ended. It returns the last line.
func restore(ctx context.Context, out output.Output, file output.File, name string, resumed bool) (last []byte, err error) {
	var killed, ended int64
	var lastEnded []byte
	if resumed {
		if killed, last, err = lines(file.Partial(ctx)); err != nil {
			return nil, err
		}
		if ended, lastEnded, err = lines(out.Open(ctx, name)); err != nil {
			return nil, err
		}
	}
	if killed >= ended {
		return last, errors.Join(file.Truncate(killed), file.SetName(name))
	}
	if err := errors.Join(file.Truncate(0), file.SetName(name)); err != nil {
		return nil, err
	}
	before, err := out.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = io.CopyN(file, before, ended)
	return lastEnded, errors.Join(err, before.Close())
}

// lines returns the number of bytes of the complete lines of a file and the last of them; 0
// if it does not exist.
func lines(file io.ReadCloser, err error) (complete int64, last []byte, _ error) {
	if errors.Is(err, output.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	reader := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return complete, last, nil
		}
		if err != nil {
			return 0, nil, err
		}
		complete, last = complete+int64(len(line)), line
	}
}

// eventIn returns the event of a line; empty if there is none.
func eventIn(line []byte) string {
	var entry Entry
	_ = json.Unmarshal(line, &entry) // a line that is no entry has no event
	return entry.Event
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
