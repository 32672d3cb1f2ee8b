package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// firstBytes is how often a first byte is waited for.
	firstBytes = 20
	// busySlots is how many parts the worker reads while kick-offs are timed.
	busySlots = 2

	kickOffName = "kick-off while an export runs"
)

func (f *field) firstByteName() string {
	return fmt.Sprintf("first byte of %d rows", f.opts.FirstRows)
}

func (f *field) wantsFirstByte() bool {
	return f.opts.FirstRows > 0 && f.wanted(f.firstByteName())
}

// latencies measures what should be short.
func (f *field) latencies(ctx context.Context) (all []Latency, err error) {
	if f.wantsFirstByte() {
		l := Latency{Name: f.firstByteName(), Share: 0.5, Target: 20}
		if l.Millis, err = f.firstBytes(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		all = append(all, l)
	}
	if f.opts.KickOffs > 0 && f.wanted(kickOffName) {
		l := Latency{Name: kickOffName, Share: 0.99, Target: 20}
		if l.Millis, err = f.kickOffs(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		all = append(all, l)
	}
	return all, nil
}

func (f *field) firstBytes(ctx context.Context) (millis []float64, err error) {
	for range firstBytes {
		took, err := f.firstByte(ctx)
		if err != nil {
			return nil, err
		}
		millis = append(millis, took)
		if err := f.until(ctx, "the dump to end", f.idle); err != nil {
			return nil, err
		}
	}
	return millis, nil
}

// firstByte begins a dump, takes a byte and goes away.
func (f *field) firstByte(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.api.base+"/"+tiny+"/$dump", http.NoBody)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth(clientID, secret)
	begun := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0, errors.New(answer.Status)
	}
	if _, err := io.ReadFull(answer.Body, make([]byte, 1)); err != nil {
		return 0, fmt.Errorf("read the first byte: %w", err)
	}
	return milliseconds(time.Since(begun)), nil
}

// readersSQL reports whether no query of a dump runs: one whose client is gone ends.
const readersSQL = `
SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'sluice%reader%' AND state <> 'idle'`

func (f *field) idle(ctx context.Context) (idle bool, err error) {
	err = f.db.QueryRow(ctx, readersSQL).Scan(&idle)
	return idle, err
}

// kickOffs kicks exports of a small type off and cancels them at once, while
// one of everything runs.
func (f *field) kickOffs(ctx context.Context) (millis []float64, err error) {
	if err := f.withSlots(ctx, busySlots); err != nil {
		return nil, err
	}
	large, err := f.kickOff(ctx, everything())
	if err != nil {
		return nil, err
	}
	for range f.opts.KickOffs {
		_, done, err := large.status(ctx)
		if err != nil {
			return nil, err
		}
		if done {
			if err := large.remove(ctx); err != nil {
				return nil, err
			}
			if large, err = f.kickOff(ctx, everything()); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		e, err := f.kickOff(ctx, small)
		if err != nil {
			return nil, err
		}
		millis = append(millis, milliseconds(time.Since(begun)))
		if err := e.cancel(ctx); err != nil {
			return nil, err
		}
	}
	return millis, large.remove(ctx)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// countLines counts the ends of lines.
func countLines(r io.Reader) (lines int64, err error) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		lines += int64(bytes.Count(buffer[:n], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, fmt.Errorf("count lines: %w", err)
		}
	}
}
