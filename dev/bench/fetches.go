package bench

import (
	"context"
	"fmt"
	"os"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// fetchPeak is the target for the resident memory of sluice fetch.
const fetchPeak = 64 << 20

// fetchSlots is the number of the worker's slots while exports are fetched.
const fetchSlots = 2

const curlFetch = "curl of $export"

// Both copy an export to files: kick-off, polling, four downloads at a time, deletion on
// the server. sluice fetch also verifies the files, and makes them durable.
const (
	curlLine = `cd "$DIR"
status=$(curl -qsSf -D - -o /dev/null -u "$CLIENT:$SLUICE_FETCH_SECRET" -H 'Prefer: respond-async' "$BASE/\$export?_type=$TYPES" |
  tr -d '\r' | sed -n 's/^content-location: //Ip')
until [ "$(curl -qsSf -o manifest.json -w '%{http_code}' -u "$CLIENT:$SLUICE_FETCH_SECRET" "$status")" = 200 ]; do sleep 1; done
grep -o '"url":"[^"]*"' manifest.json | cut -d '"' -f 4 |
  awk '{ printf "url = \"%s\"\noutput = \"%d.ndjson.gz\"\n", $0, NR }' > links
curl -qsSf --parallel --parallel-max 4 --config links
curl -qsSf -X DELETE -u "$CLIENT:$SLUICE_FETCH_SECRET" "$status"`

	fetchLine = `exec "$SLUICE" fetch "$BASE" --quiet --output "$DIR" --client-id "$CLIENT" --type "$TYPES" --parallel 4`
)

// fetches measures sluice fetch of an export of everything, compared with curl: as it is;
// with less verification, since curl has none; and with downloads while the export runs.
func (h *harness) fetches() []*measure {
	measures := []*measure{h.fetch(curlFetch, curlLine)}
	for _, flags := range []string{"", " --verify size", " --partial"} {
		m := h.fetch("sluice fetch"+flags, fetchLine+flags)
		m.PeakTarget = fetchPeak
		m.Against = []Comparison{{Name: curlFetch, As: "of curl", Target: 1}}
		measures = append(measures, m)
	}
	return measures
}

func (h *harness) fetch(name, line string) *measure {
	all := h.total()
	m := &measure{Measure: Measure{Name: name, Rows: all.Rows, Text: all.Text}}
	m.run = func(ctx context.Context) (s Sample, err error) {
		err = h.fetched(ctx, line, func(_ string, f finished) error {
			s = Sample{Seconds: f.took.Seconds(), CPU: map[string]float64{"client": f.cpu.Seconds()}, Peak: f.peak}
			return nil
		})
		return s, err
	}
	m.lines = func(ctx context.Context) (lines int64, err error) {
		err = h.fetched(ctx, line, func(dir string, _ finished) error {
			lines, err = h.counted(ctx, `gzip -dc "$DIR"/*.ndjson.gz | wc -l`, "DIR="+dir)
			return err
		})
		return lines, err
	}
	return m
}

// fetched runs a command line that copies an export to a directory, and calls use with the
// directory. It returns when the export is removed: the next sample must not include that.
func (h *harness) fetched(ctx context.Context, line string, use func(dir string, f finished) error) error {
	if err := h.useSlots(ctx, fetchSlots); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := h.shell(ctx, line, "DIR="+dir, "SLUICE="+h.opts.Program, "BASE="+h.api.URL+"/fhir", "TYPES="+everything().Get("_type"),
		"CLIENT="+clientID, "SLUICE_FETCH_SECRET="+secret)
	if err != nil {
		return err
	}
	if err := use(dir, f); err != nil {
		return err
	}
	return process.Poll(ctx, removeTimeout, "the files to be removed", func(ctx context.Context) (bool, error) {
		return h.stand.S3.IsEmpty(ctx, stand.Bucket, "")
	})
}
