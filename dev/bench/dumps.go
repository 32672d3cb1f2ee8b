package bench

import (
	"context"
	"fmt"
	"strconv"

	"github.com/seed-90096f4d/sluice/dev/product"
)

// dumpPeak is the target for the resident memory of an API.
const dumpPeak = 64 << 20

// The dumps of a table and of its first tenth show how the cost grows.
const (
	wholeDump = "$dump"
	tenthDump = "$dump of a tenth"
)

// dumps measures all forms of $dump, read by curl, and of sluice dump.
func (h *harness) dumps() []*measure {
	return append([]*measure{
		h.dump("$dump, one reader", h.single, subject, "", h.target(2.8, 1)),
		h.dump(wholeDump, h.api, subject, "", h.target(3.2, 1.5)),
		h.dump("$dump gzip", h.api, subject, "gzip=true", h.target(2, 1.2)),
		h.dump("$dump fhir", h.api, subject, "fhir=true", h.target(2.3, 1.1)),
		h.dump("$dump fhir gzip", h.api, subject, "fhir=true&gzip=true", h.target(1.7, 1)),
		h.dump(tenthDump, h.api, tenth, "", 0),
	}, h.directDumps()...)
}

// directDumps measures sluice dump, which is the client in the report.
func (h *harness) directDumps() []*measure {
	env := append(h.stand.Settings(), "SLUICE="+h.opts.Program, "SLUICE_JSONB="+h.opts.Form)
	direct := func(name, options string, target float64) *measure {
		const command = `"$SLUICE" dump ` + subject
		m := h.command(name, []Table{h.table(subject)}, command+options+` > /dev/null`, command+` | wc -l`, env...)
		m.CPUTargets = h.databaseTarget()
		m.Against = []Comparison{{Name: limit, Target: target}, {Name: storedLimit, As: "of ::bytea"}}
		return m
	}
	return []*measure{
		direct("sluice dump", "", h.target(2.8, 1)),
		direct("sluice dump, two jobs", " --jobs 2", h.target(3.2, 1.5)),
	}
}

func (h *harness) dump(name string, api *product.Service, resourceType, query string, target float64) *measure {
	t := h.table(resourceType)
	m := &measure{Measure: Measure{Name: name, Rows: t.Rows, Text: t.Text, PeakTarget: dumpPeak}}
	if target != 0 {
		m.CPUTargets = h.databaseTarget()
		m.Against = []Comparison{{Name: limit, Target: target}, {Name: storedLimit, As: "of ::bytea"}}
	}
	env := []string{"CLIENT=" + clientID + ":" + secret, "URL=" + api.URL + "/" + resourceType + "/$dump?" + query}
	const curl = `curl -qsSf -u "$CLIENT" "$URL"`
	m.run = func(ctx context.Context) (Sample, error) {
		s, size, err := h.timed(ctx, api, curl+` -o /dev/null -w '%{size_download}'`, env...)
		if err != nil {
			return s, err
		}
		if s.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil {
			return s, fmt.Errorf("unexpected output of curl: %q", size)
		}
		return s, nil
	}
	m.lines = func(ctx context.Context) (int64, error) { return h.counted(ctx, curl+` --compressed | wc -l`, env...) }
	return m
}
