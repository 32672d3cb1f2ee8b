package cli

import (
	"os"
	"runtime/debug"
)

// shareOfMemory is what Go may keep, garbage included, for all dumps of an API,
// and for each slot of a worker: twice what a part needs, and enough for a
// resource of 5 MB. More is taken where more is in use; the collector then works
// harder.
const shareOfMemory = 32 << 20

// boundGarbage keeps a server from growing to twice of what it uses, as Go does
// by itself. GOMEMLIMIT, if set, says it otherwise.
func boundGarbage(shares int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(shares) * shareOfMemory)
	}
}
