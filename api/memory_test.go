package api_test

import (
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemory: the memory of a dump is bounded, whatever the size of the table. It does
// not run in parallel, since it measures the process.
func TestMemory(t *testing.T) {
	b := setup(t)
	const rows, size, bound = 1920, 64 << 10, 24 << 20
	b.large(t, rows, size)     // 120 MiB
	b.Get(t, "/nowhere/$dump") // the hash of a secret takes memory too, and is not meant

	for _, target := range []string{"/Patient/$dump", "/Patient/$dump?fhir=true"} {
		runtime.GC()
		before, peak := heap(), uint64(0)
		response, err := b.HTTP.Do(b.Request(t, http.MethodGet, target))
		require.NoError(t, err)
		for err == nil {
			_, err = io.CopyN(io.Discard, response.Body, 4<<20)
			peak = max(peak, heap())
		}
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, response.Body.Close())
		t.Logf("%s: %d KiB at first, %d KiB at most", target, before>>10, peak>>10)
		require.Less(t, peak, before+bound)
	}
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}
