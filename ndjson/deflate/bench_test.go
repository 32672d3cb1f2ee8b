package deflate

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// piece is about the number of bytes passed to the encoder at once.
const piece = 220 << 10

// BenchmarkEncoder also reports the compression ratio.
func BenchmarkEncoder(b *testing.B) {
	lines := ndjson(8 << 20)
	e, out := NewEncoder(), make([]byte, 0, piece)
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	left := 0
	for b.Loop() {
		e.Reset()
		left = 0
		for from := 0; from < len(lines); from += piece {
			left += len(e.Append(out, lines[from:min(len(lines), from+piece)]))
		}
		left += len(e.Flush(out))
	}
	b.ReportMetric(float64(left)/float64(len(lines)), "left/B")
}

// BenchmarkLibrary is the fastest level of the library.
func BenchmarkLibrary(b *testing.B) {
	lines := ndjson(8 << 20)
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	require.NoError(b, err)
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		w.Reset(&out)
		for from := 0; from < len(lines); from += piece {
			_, err := w.Write(lines[from:min(len(lines), from+piece)])
			require.NoError(b, err)
		}
		require.NoError(b, w.Flush())
	}
	b.ReportMetric(float64(out.Len())/float64(len(lines)), "left/B")
}
