package api

import (
	"strconv"
	"strings"
)

// byteRange is a part of a file: length bytes from offset on.
type byteRange struct{ offset, length int64 }

// parseRange reads the header Range of a request for a file of that size (RFC
// 9110, 14.2). ok tells whether one range is asked for that can be given. What
// is not understood, or asks for several, is to be answered with the whole file,
// which a server may always do; only a range that lies behind the end is refused.
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
