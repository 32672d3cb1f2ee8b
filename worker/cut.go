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

// partTarget is what a part of an export of that many bytes should have: partBytes
// on disk at most, and in a small export less, so that there is work for all
// slots; but not less than is worth what a part costs.
func partTarget(total, partBytes int64, window int, worth int64) int64 {
	target := min(partBytes, max(total/int64(windowsAnExport*window), worth))
	return max(target, total/maxParts+1)
}

// leastBytes is what a part should have on disk at the least, so that its file is
// no smaller than the kick-off wants: twice as much, since rows take more there
// than as FHIR. 0 means that any will do.
func leastBytes(request jobs.Request, maxFileBytes int64) int64 {
	return 2 * min(request.MinFileBytes, maxFileBytes)
}

// cut makes parts of an export's scans: of about partBytes on disk at most, but
// not of less than least where a table has that. Parts of a type are named in the
// order of its table.
func cut(exportID uuid.UUID, scans []reading, partBytes, least int64, window int, worth int64) ([]jobs.PlannedPart, error) {
	var total int64
	for _, scan := range scans {
		total += scan.Table.Bytes
	}
	target := max(partTarget(total, partBytes, window, worth), 2*least) // ranges have half of it at the least

	var parts []jobs.PlannedPart
	for _, scan := range scans {
		ranges := source.Plan(scan.Table, target)
		scan.Table.Members = nil // the ranges name them
		for i, blocks := range ranges {
			scan.Blocks = blocks
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

// minPartBytes is what a part of the export should have.
func (s selection) minPartBytes() int64 {
	if s.patients.Group != nil {
		return minGroupBytes
	}
	return minPartBytes
}
