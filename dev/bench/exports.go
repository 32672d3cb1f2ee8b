package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

// What the worker's memory should stay below.
const (
	firstSlotPeak = 64 << 20
	nextSlotPeak  = 48 << 20
)

// exports are exports of everything, in FHIR format, compressed and into the
// bucket, with more and more slots.
func (f *field) exports() (measures []*measure) {
	all := f.whole()
	for _, slots := range []int{1, 2, 4} {
		m := &measure{Measure: Measure{
			Name: fmt.Sprintf("$export, slots: %d", slots), Rows: all.Rows, Text: all.Text,
			PeakTarget: firstSlotPeak + int64(slots-1)*nextSlotPeak,
			Against:    []Comparison{{Name: limitOfAll, Target: 0.9}, {Name: byGzip, Target: 5}},
		}}
		if slots == 1 {
			// The targets are for two processors.
			m.Against = []Comparison{{Name: limitOfAll}, {Name: byGzip}}
		}
		m.run = func(ctx context.Context) (Sample, error) { return f.timedExport(ctx, slots, m.Rows) }
		m.lines = func(ctx context.Context) (int64, error) { return f.countExport(ctx, slots) }
		measures = append(measures, m)
	}
	return measures
}

func (f *field) timedExport(ctx context.Context, slots int, rows int64) (s Sample, err error) {
	if err := f.withSlots(ctx, slots); err != nil {
		return s, err
	}
	var e *export
	var m manifest
	err = f.observe(f.worker, &s, func() error {
		begun := time.Now()
		if e, err = f.kickOff(ctx, everything()); err != nil {
			return err
		}
		m, err = e.untilManifest(ctx)
		s.Seconds = time.Since(begun).Seconds()
		return err
	})
	if err != nil {
		return s, err
	}
	if got := m.rows(); got != rows {
		return s, fmt.Errorf("the manifest counts %d resources instead of %d", got, rows)
	}
	// What comes next should not pay for the removal.
	return s, e.remove(ctx)
}

// countExport counts the lines of all files of an export.
func (f *field) countExport(ctx context.Context, slots int) (lines int64, err error) {
	if err := f.withSlots(ctx, slots); err != nil {
		return 0, err
	}
	e, err := f.kickOff(ctx, everything())
	if err != nil {
		return 0, err
	}
	m, err := e.untilManifest(ctx)
	if err != nil {
		return 0, err
	}
	if len(m.Error) > 0 {
		return 0, errors.New("the manifest has files of errors")
	}
	for _, file := range m.Output {
		n, err := countFile(ctx, file.URL)
		if err != nil {
			return 0, err
		}
		lines += n
	}
	return lines, e.remove(ctx)
}

// manifest is what a client gets of a complete export.
type manifest struct {
	Output []struct {
		URL   string `json:"url"`
		Count int64  `json:"count"`
	} `json:"output"`
	Error []json.RawMessage `json:"error"`
}

func (m manifest) rows() (sum int64) {
	for _, file := range m.Output {
		sum += file.Count
	}
	return sum
}

// export is an export that was kicked off.
type export struct {
	field *field
	id    string
	url   string
}

// everything names the types of the data set, without the tables that only serve dumps.
func everything() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return strings.Join(names, ",")
}

func (f *field) kickOff(ctx context.Context, types string) (*export, error) {
	answer, err := f.ask(ctx, http.MethodGet, f.api.base+"/fhir/$export?_type="+types)
	if err != nil {
		return nil, fmt.Errorf("kick off: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return nil, fmt.Errorf("kick off: %w", err)
	}
	if answer.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("kick off: %s", answer.Status)
	}
	id := path.Base(answer.Header.Get("Content-Location"))
	return &export{field: f, id: id, url: f.api.base + "/fhir/$export-status/" + id}, nil
}

// untilManifest polls until the export is complete.
func (e *export) untilManifest(ctx context.Context) (m manifest, err error) {
	err = poll(ctx, statusPause, func(ctx context.Context) (done bool, err error) {
		m, done, err = e.status(ctx)
		return done, err
	})
	return m, err
}

// status is the manifest, if the export is complete.
func (e *export) status(ctx context.Context) (m manifest, done bool, err error) {
	answer, err := e.field.ask(ctx, http.MethodGet, e.url)
	if err != nil {
		return m, false, fmt.Errorf("ask for the status: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch answer.StatusCode {
	case http.StatusAccepted, http.StatusTooManyRequests:
		return m, false, nil
	case http.StatusOK:
		if err := json.NewDecoder(answer.Body).Decode(&m); err != nil {
			return m, false, fmt.Errorf("read the manifest: %w", err)
		}
		return m, true, nil
	}
	return m, false, fmt.Errorf("the export's status is %s: the worker's log knows more", answer.Status)
}

// cancel cancels a running export, or marks a complete one for removal.
func (e *export) cancel(ctx context.Context) error {
	answer, err := e.field.ask(ctx, http.MethodDelete, e.url)
	if err != nil {
		return fmt.Errorf("delete an export: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return fmt.Errorf("delete an export: %w", err)
	}
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("delete an export: %s", answer.Status)
	}
	return nil
}

// remove deletes an export and waits until its files are gone.
func (e *export) remove(ctx context.Context) error {
	if err := e.cancel(ctx); err != nil {
		return err
	}
	return e.field.until(ctx, "the files to be removed", func(ctx context.Context) (bool, error) {
		return e.field.stand.IsEmpty(ctx, stand.Bucket, e.id+"/")
	})
}

// ask sends a request as the client.
func (f *field) ask(ctx context.Context, method, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(clientID, secret)
	request.Header.Set("Accept", "application/fhir+json")
	request.Header.Set("Prefer", "respond-async")
	return http.DefaultClient.Do(request)
}

// countFile counts the lines of a file that a link leads to.
func countFile(ctx context.Context, link string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept-Encoding", "gzip") // so that Go leaves the bytes as they are
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("download a file: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("download a file: %s", answer.Status)
	}
	unpacked, err := gzip.NewReader(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("unpack a file: %w", err)
	}
	return countLines(unpacked)
}
