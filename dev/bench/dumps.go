package bench

import (
	"context"
	"fmt"
	"strconv"
)

// dumpPeak is the resident memory that an API should stay below, whatever it
// dumps.
const dumpPeak = 64 << 20

// The dumps of a table and of its first tenth show how the costs grow.
const (
	wholeDump = "$dump"
	tenthDump = "$dump of a tenth"
)

// dumps are all forms of $dump, read by curl.
func (f *field) dumps() []*measure {
	return []*measure{
		f.dump("$dump, one reader", f.single, subject, "", 1),
		f.dump(wholeDump, f.api, subject, "", 1.3),
		f.dump("$dump gzip", f.api, subject, "gzip=true", 0.95),
		f.dump("$dump fhir", f.api, subject, "fhir=true", 0.95),
		f.dump("$dump fhir gzip", f.api, subject, "fhir=true&gzip=true", 0.8),
		f.dump(tenthDump, f.api, tenth, "", 0),
	}
}

func (f *field) dump(name string, api *service, resourceType, query string, target float64) *measure {
	t := f.table(resourceType)
	m := &measure{Measure: Measure{Name: name, Rows: t.Rows, Text: t.Text, PeakTarget: dumpPeak}}
	if target != 0 {
		m.Against = []Comparison{{Name: limit, Target: target}}
	}
	env := []string{"CLIENT=" + clientID + ":" + secret, "URL=" + api.base + "/" + resourceType + "/$dump?" + query}
	// Options of its own and no file: what it needs is all there.
	const curl = `curl -qsSf -u "$CLIENT" "$URL"`
	m.run = func(ctx context.Context) (Sample, error) {
		s, size, err := f.timed(ctx, api, curl+` -o /dev/null -w '%{size_download}'`, env...)
		if err != nil {
			return s, err
		}
		if s.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil {
			return s, fmt.Errorf("curl says it has downloaded %q", size)
		}
		return s, nil
	}
	m.lines = func(ctx context.Context) (int64, error) { return f.counted(ctx, curl+` --compressed | wc -l`, env...) }
	return m
}
