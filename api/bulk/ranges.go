package bulk

import (
	"strconv"
	"strings"
)

// byteRange is a range of a file: length bytes from offset.
type byteRange struct{ offset, length int64 }

// parseRange parses the header Range of a request for a file of the given size (RFC
// 9110, 14.2). ok reports whether it is a single range that can be served. Malformed
// and multiple ranges are ignored, as a server may do; beyond reports a range that
// begins after the end.
func parseRange(header string, size int64) (r byteRange, ok, beyond bool) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, isRange := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !isRange || strings.Contains(spec, ",") {
		return r, false, false
	}
	if first == "" { // the last n bytes
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return r, false, false
		}
		n = min(n, size)
		return byteRange{size - n, n}, n > 0, n == 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return r, false, false
	}
	to := size - 1
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil || to < from {
			return r, false, false
		}
	}
	if from >= size {
		return r, false, true
	}
	return byteRange{from, min(to, size-1) - from + 1}, true, false
}
