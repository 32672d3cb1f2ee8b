package ndjson

import (
	"time"

	"github.com/seed-90096f4d/sluice/source"
)

const (
	minInstant = -62_135_596_800_000_000 // 0001-01-01, in microseconds since 1970
	maxInstant = 253_402_300_800_000_000 // 10000-01-01
)

// appendTime appends a time as a JSON string in UTC with microseconds, as in
// "2021-06-10T08:26:10.707454Z". It appends nothing for a time that is not valid or
// whose year is not in the range of FHIR.
//
// There are two times in each row; time.AppendFormat is slower, because it parses the
// layout each time.
func appendTime(dst []byte, t source.Time) []byte {
	if !t.Valid || t.Micros < minInstant || t.Micros >= maxInstant {
		return dst
	}
	at := time.UnixMicro(t.Micros).UTC()
	year, month, day := at.Date()
	hour, minute, second := at.Clock()

	dst = append(dst, '"')
	dst = append(appendDigits(dst, year, 4), '-')
	dst = append(appendDigits(dst, int(month), 2), '-')
	dst = append(appendDigits(dst, day, 2), 'T')
	dst = append(appendDigits(dst, hour, 2), ':')
	dst = append(appendDigits(dst, minute, 2), ':')
	dst = append(appendDigits(dst, second, 2), '.')
	dst = appendDigits(dst, at.Nanosecond()/1000, 6)
	return append(dst, 'Z', '"')
}

// appendDigits appends a number, padded with zeros to width digits.
func appendDigits(dst []byte, n, width int) []byte {
	end := len(dst) + width
	dst = append(dst, "000000"[:width]...)
	for i := end - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
