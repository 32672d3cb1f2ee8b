package plan

import "github.com/seed-90096f4d/sluice/jobs"

const (
	// windowsPerExport is how many times a large enough export fills its window, so
	// that slots stay busy while parts of different lengths end.
	windowsPerExport = 4

	// minPartBytes is the size from which a part is worth its transactions and its
	// requests to the object store. Smaller parts are small tables, or halves of
	// tables that are a little larger.
	minPartBytes = 64 << 20

	// minGroupBytes is the same where each part first determines the members of a
	// large Group, which takes about as long as reading this much.
	minGroupBytes = 256 << 20

	// maxParts bounds the parts of an export, however small PartBytes is.
	maxParts = 100_000
)

// Sizes bounds the parts of an export, in bytes on disk.
type Sizes struct {
	max    int64 // as configured
	min    int64 // for files of the requested minimum size; 0 = no minimum
	floor  int64 // smaller parts are not worth their cost, unless max is smaller
	window int   // maximum number of queued and running parts
}

// sizes returns the sizes of the parts of a request.
func (p *Planner) sizes(request jobs.Request) Sizes {
	return Sizes{
		max: p.PartBytes,
		// Rows take more space on disk than as FHIR: about twice the size of the file.
		min:    2 * min(request.MinFileBytes, p.MaxFileBytes),
		floor:  minPartBytes,
		window: p.Window,
	}
}

// Target returns the size of the parts of an export of total bytes. It is smaller
// than the maximum in a small export, so that there is work for all slots.
func (s Sizes) Target(total int64) int64 {
	target := min(s.max, max(total/int64(windowsPerExport*s.window), s.floor))
	return max(target, total/maxParts+1, s.min)
}
