package delivery

import (
	"regexp"
	"strconv"
)

// byteRange is a range of a file: length bytes from offset.
type byteRange struct{ offset, length int64 }

// rangeHeader matches a header Range with a single range. Any other is ignored, as a
// server may do.
var rangeHeader = regexp.MustCompile(`^bytes= *(\d{0,18})-(\d{0,18}) *$`)

// parseRange parses the header Range of a request for a file of the given size (RFC
// 9110, 14.2). ok reports whether it has a range; that of no bytes cannot be served.
func parseRange(header string, size int64) (r byteRange, ok bool) {
	match := rangeHeader.FindStringSubmatch(header)
	if match == nil {
		return r, false
	}
	from, fromErr := strconv.ParseInt(match[1], 10, 64)
	to, toErr := strconv.ParseInt(match[2], 10, 64)
	switch {
	case fromErr != nil && toErr != nil, fromErr == nil && toErr == nil && to < from:
		return r, false
	case fromErr != nil: // the last bytes
		from, to = max(size-to, 0), size-1
	case toErr != nil:
		to = size - 1
	}
	return byteRange{from, max(min(to, size-1)-from+1, 0)}, true
}
