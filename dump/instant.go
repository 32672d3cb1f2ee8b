package dump

import (
	"time"

	"github.com/seed-90096f4d/sluice/source"
)

const (
	minInstant = -62_135_596_800_000_000 // 0001-01-01, in microseconds since 1970
	maxInstant = 253_402_300_800_000_000 // 10000-01-01
)

// appendTime appends a time as a JSON string in UTC with six digits after the
// second, as in "2021-06-10T08:26:10.707454Z". It appends nothing for a time
// that is not valid, or in a year that FHIR cannot write.
func appendTime(dst []byte, t source.Time) []byte {
	if !t.Valid || t.Micros < minInstant || t.Micros >= maxInstant {
		return dst
	}
	return time.UnixMicro(t.Micros).UTC().AppendFormat(dst, `"2006-01-02T15:04:05.000000Z"`)
}
