package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The targets for the worker's memory.
const (
	firstSlotPeak = 64 << 20
	nextSlotPeak  = 48 << 20
)

const (
	exportTimeout = 2 * time.Hour
	removeTimeout = 30 * time.Second
	// statusInterval respects the rate limit of the status endpoint.
	statusInterval = 40 * time.Millisecond
)

// exports measures exports of everything, in FHIR format, compressed and to the bucket,
// with several numbers of slots.
func (h *harness) exports() (measures []*measure) {
	all := h.total()
	for _, slots := range []int{1, 2, 4} {
		m := &measure{Measure: Measure{
			Name: fmt.Sprintf("$export, slots: %d", slots), Rows: all.Rows, Text: all.Text,
			PeakTarget: firstSlotPeak + int64(slots-1)*nextSlotPeak,
			CPUTargets: h.databaseTarget(),
			Against:    []Comparison{{Name: limitOfAll}, {Name: mergedGzip, As: "of | gzip"}},
		}}
		m.CPUTargets["all"] = h.target(8.5, 13.2)
		if slots > 1 { // one slot does not use two processors
			m.Against[0].Target, m.Against[1].Target = h.target(1.4, 0.9), h.target(5, 3.4)
		}
		m.run = func(ctx context.Context) (Sample, error) { return h.timedExport(ctx, slots, m.Rows) }
		m.lines = func(ctx context.Context) (int64, error) { return h.countExport(ctx, slots) }
		measures = append(measures, m)
	}
	return measures
}

func (h *harness) timedExport(ctx context.Context, slots int, rows int64) (s Sample, err error) {
	if err := h.useSlots(ctx, slots); err != nil {
		return s, err
	}
	var id string
	var m product.Manifest
	err = h.observe(h.worker, &s, func() error {
		started := time.Now()
		if id, err = h.client.KickOff(ctx, everything()); err != nil {
			return err
		}
		m, err = h.waitManifest(ctx, id)
		s.Seconds = time.Since(started).Seconds()
		return err
	})
	if err != nil {
		return s, err
	}
	var sum int64
	for _, file := range m.Output {
		sum += file.Count
	}
	if sum != rows {
		return s, fmt.Errorf("the manifest counts %d resources instead of %d", sum, rows)
	}
	// The next sample must not include the removal.
	return s, h.remove(ctx, id)
}

// countExport counts the lines of all files of an export.
func (h *harness) countExport(ctx context.Context, slots int) (lines int64, err error) {
	if err := h.useSlots(ctx, slots); err != nil {
		return 0, err
	}
	id, err := h.client.KickOff(ctx, everything())
	if err != nil {
		return 0, err
	}
	m, err := h.waitManifest(ctx, id)
	if err != nil {
		return 0, err
	}
	if len(m.Error) > 0 {
		return 0, errors.New("the manifest has error files")
	}
	for _, file := range m.Output {
		n, err := countFile(ctx, file.URL)
		if err != nil {
			return 0, err
		}
		lines += n
	}
	return lines, h.remove(ctx, id)
}

// everything selects the types of the data set, without the tables that only serve dumps.
func everything() url.Values {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return url.Values{"_type": {strings.Join(names, ",")}}
}

// waitManifest polls until the export is complete.
func (h *harness) waitManifest(ctx context.Context, id string) (m product.Manifest, err error) {
	err = process.Poll(ctx, exportTimeout, "the export", func(ctx context.Context) (complete bool, err error) {
		m, complete, err = h.client.Manifest(ctx, id)
		if complete || err != nil {
			return true, err
		}
		return false, process.Sleep(ctx, statusInterval)
	})
	return m, err
}

// remove deletes an export and waits until its files are removed.
func (h *harness) remove(ctx context.Context, id string) error {
	if err := h.client.Delete(ctx, id); err != nil {
		return err
	}
	return process.Poll(ctx, removeTimeout, "the files to be removed", func(ctx context.Context) (bool, error) {
		return h.stand.S3.IsEmpty(ctx, stand.Bucket, id+"/")
	})
}

// countFile counts the lines of a file.
func countFile(ctx context.Context, link string) (int64, error) {
	response, err := product.Download(ctx, link)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	plain, err := gzip.NewReader(response.Body)
	if err != nil {
		return 0, fmt.Errorf("decompress a file: %w", err)
	}
	return countLines(plain)
}
