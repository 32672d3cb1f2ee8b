package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRange: a range that can be served is inside the file.
func FuzzRange(f *testing.F) {
	f.Add("bytes=1-5", int64(100))
	f.Add("bytes=-9223372036854775808", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		if r, ok := parseRange(header, size); ok && r.length != 0 {
			require.GreaterOrEqual(t, r.offset, int64(0))
			require.Positive(t, r.length)
			require.LessOrEqual(t, r.offset, size-r.length)
		}
	})
}
