package worker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

const (
	// windowsAnExport is how many times over an export fills its window, if it
	// is large enough: as long as there are parts to choose from, no slot waits
	// for another.
	windowsAnExport = 4

	// minPartBytes is what a part should have for its requests to the store and
	// its transactions to be worth it. One of less is a small table, or the half
	// of one that has a little more.
	minPartBytes = 32 << 20

	// minGroupBytes is the same where a part has to work out first who is a member
	// of a large group. That takes about as long as to read so much.
	minGroupBytes = 256 << 20

	// maxParts bounds what is planned and kept of one export, however small its
	// parts are set to be.
	maxParts = 100_000
)

// partSizes says how large the parts of an export should be, in bytes on disk.
type partSizes struct {
	most   int64 // as set
	least  int64 // for files as large as the kick-off wants; 0 means that any will do
	worth  int64 // less is not worth what a part costs, unless most is
	window int   // how many parts of the export are queued or running at most
}

// partSizes are those of an export whose parts should have so much to be worth it.
func (w *exportWorker) partSizes(request jobs.Request, worth int64) partSizes {
	return partSizes{
		most: w.config.PartBytes,
		// Twice as much as the file, since rows take more on disk than as FHIR.
		least:  2 * min(request.MinFileBytes, w.config.MaxFileBytes),
		worth:  worth,
		window: w.config.Window,
	}
}

// target is what a part of an export of that many bytes should have: in a small
// export less than could be, so that there is work for all slots.
func (s partSizes) target(total int64) int64 {
	target := min(s.most, max(total/int64(windowsAnExport*s.window), s.worth))
	return max(target, total/maxParts+1, s.least)
}

// cut makes parts of an export's scans, none of less than the least where a table
// has that. Parts of a type are named in the order of its table.
func cut(exportID uuid.UUID, scans []reading, sizes partSizes) ([]jobs.PlannedPart, error) {
	var total int64
	for _, scan := range scans {
		total += scan.Table.Bytes
	}
	target := max(sizes.target(total), 2*sizes.least) // ranges have half of it at the least

	var parts []jobs.PlannedPart
	for _, scan := range scans {
		ranges := source.PageRanges(scan.Table, target)
		scan.Table.Members = nil // the ranges name them
		for i, blocks := range ranges {
			scan.Pages = blocks
			document, err := json.Marshal(scan)
			if err != nil {
				return nil, fmt.Errorf("plan %s: %w", scan.Table.Type, err)
			}
			parts = append(parts, jobs.PlannedPart{
				ResourceType: scan.Table.Type,
				Scan:         document,
				ObjectKey:    fmt.Sprintf("%s/%s.%04d%s", exportID, scan.Table.Type, i+1, fileSuffix),
				Bytes:        blocks.Bytes,
			})
		}
	}
	return parts, nil
}

// longestFirst sorts parts into the order in which they are best read: what is
// read last, beside slots that have nothing more to do, is then short.
func longestFirst(parts []jobs.PlannedPart) []jobs.PlannedPart {
	slices.SortStableFunc(parts, func(a, b jobs.PlannedPart) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return parts
}

// worth is what a part should have to be worth what it costs.
func (s selection) worth() int64 {
	if s.patients.Group != nil {
		return minGroupBytes
	}
	return minPartBytes
}
