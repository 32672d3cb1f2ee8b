package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

const (
	// firstBytes is the number of samples of a first byte.
	firstBytes = 20
	// busySlots is the number of the worker's slots while kick-offs are timed.
	busySlots = 2

	kickOffName = "kick-off while an export runs"
)

func (h *harness) firstByteName() string {
	return fmt.Sprintf("first byte of %d rows", h.opts.FirstRows)
}

func (h *harness) wantsFirstByte() bool {
	return h.opts.FirstRows > 0 && h.wanted(h.firstByteName())
}

// latencies measures the latencies that have a target.
func (h *harness) latencies(ctx context.Context) (all []Latency, err error) {
	if h.wantsFirstByte() {
		l := Latency{Name: h.firstByteName(), Share: 0.5, Target: 20}
		if l.Millis, err = h.firstBytes(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		all = append(all, l)
	}
	if h.opts.KickOffs > 0 && h.wanted(kickOffName) {
		l := Latency{Name: kickOffName, Share: 0.99, Target: 20}
		if l.Millis, err = h.kickOffs(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// idleSQL reports whether no dump runs: its query ends when its client disconnects.
const idleSQL = `
SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'sluice%reader%' AND state <> 'idle'`

func (h *harness) firstBytes(ctx context.Context) (millis []float64, err error) {
	for range firstBytes {
		took, err := h.firstByte(ctx)
		if err != nil {
			return nil, err
		}
		millis = append(millis, took)
		err = process.Poll(ctx, removeTimeout, "the dump to end", func(ctx context.Context) (idle bool, err error) {
			err = h.db.QueryRow(ctx, idleSQL).Scan(&idle)
			return idle, err
		})
		if err != nil {
			return nil, err
		}
	}
	return millis, nil
}

// firstByte starts a dump, reads one byte and disconnects.
func (h *harness) firstByte(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.api.URL+"/"+tiny+"/$dump", http.NoBody)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth(clientID, secret)
	started := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return 0, errors.New(response.Status)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 1)); err != nil {
		return 0, fmt.Errorf("read the first byte: %w", err)
	}
	return milliseconds(time.Since(started)), nil
}

// kickOffs starts exports of a small type and cancels them at once, while an export of
// everything runs.
func (h *harness) kickOffs(ctx context.Context) (millis []float64, err error) {
	if err := h.useSlots(ctx, busySlots); err != nil {
		return nil, err
	}
	large, err := h.client.KickOff(ctx, everything())
	if err != nil {
		return nil, err
	}
	for range h.opts.KickOffs {
		_, complete, err := h.client.Manifest(ctx, large)
		if err != nil {
			return nil, err
		}
		if complete {
			if err := h.remove(ctx, large); err != nil {
				return nil, err
			}
			if large, err = h.client.KickOff(ctx, everything()); err != nil {
				return nil, err
			}
		}
		started := time.Now()
		id, err := h.client.KickOff(ctx, url.Values{"_type": {small}})
		if err != nil {
			return nil, err
		}
		millis = append(millis, milliseconds(time.Since(started)))
		if err := h.client.Delete(ctx, id); err != nil {
			return nil, err
		}
	}
	return millis, h.remove(ctx, large)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

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
