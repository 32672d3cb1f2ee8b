package table

import (
	"time"
)

const microsPerSecond = 1_000_000

// parseDate returns the days since 1970 of a complete date.
func parseDate(text []byte) (int64, string) {
	if len(text) != len("2006-01-02") {
		if len(text) > len("2006-01-02") && text[10] == 'T' {
			return 0, "a date with a time"
		}
		return 0, "a date without month or day"
	}
	year, ok1 := digits(text, 0, 4)
	month, ok2 := digits(text, 5, 2)
	day, ok3 := digits(text, 8, 2)
	if !ok1 || !ok2 || !ok3 || text[4] != '-' || text[7] != '-' {
		return 0, "text that is not a date"
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year == 0 || t.Day() != day || int(t.Month()) != month {
		return 0, "a date that does not exist"
	}
	return t.Unix() / (24 * 60 * 60), ""
}

// parseTime returns the microseconds since midnight of a time of day with seconds.
func parseTime(text []byte) (int64, string) {
	micros, rest, ok := clock(text)
	if !ok || len(rest) > 0 || micros >= 24*60*60*microsPerSecond {
		return 0, "text that is not a time of day with seconds"
	}
	return micros, ""
}

// parseTimestamp returns the microseconds since 1970 of a complete date and time, with an
// offset if zoned and without one otherwise.
func parseTimestamp(text []byte, zoned bool) (int64, string) {
	if len(text) < len("2006-01-02T") || text[10] != 'T' {
		return 0, "a date without a time"
	}
	days, problem := parseDate(text[:10])
	if problem != "" {
		return 0, problem
	}
	micros, rest, ok := clock(text[11:])
	if !ok {
		return 0, "a time without seconds or that does not exist"
	}
	micros += days * 24 * 60 * 60 * microsPerSecond
	if len(rest) == 0 {
		if zoned {
			return 0, "a time without offset"
		}
		return micros, ""
	}
	if !zoned {
		return 0, "a time with an offset"
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, "a time with an invalid offset"
	}
	return micros - offset*60*microsPerSecond, ""
}

// clock returns the microseconds of a time of day at the start of text, and what follows
// it. A leap second counts as the second after it. What is below a microsecond is cut off.
func clock(text []byte) (micros int64, rest []byte, ok bool) {
	if len(text) < len("15:04:05") || text[2] != ':' || text[5] != ':' {
		return 0, nil, false
	}
	hour, ok1 := digits(text, 0, 2)
	minute, ok2 := digits(text, 3, 2)
	second, ok3 := digits(text, 6, 2)
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0, nil, false
	}
	micros = int64(hour*3600+minute*60+second) * microsPerSecond
	rest = text[8:]
	if len(rest) == 0 || rest[0] != '.' {
		return micros, rest, true
	}
	i := 1
	for unit := int64(microsPerSecond / 10); i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
		micros += int64(rest[i]-'0') * unit
		unit /= 10
	}
	return micros, rest[i:], i > 1
}

// parseOffset returns the minutes east of UTC.
func parseOffset(text []byte) (int64, bool) {
	if string(text) == "Z" {
		return 0, true
	}
	if len(text) != len("+15:04") || text[0] != '+' && text[0] != '-' || text[3] != ':' {
		return 0, false
	}
	hours, ok1 := digits(text, 1, 2)
	minutes, ok2 := digits(text, 4, 2)
	total := int64(hours*60 + minutes)
	if !ok1 || !ok2 || minutes > 59 || total > 14*60 {
		return 0, false
	}
	if text[0] == '-' {
		total = -total
	}
	return total, true
}

// digits returns the number at text[i:i+n].
func digits(text []byte, i, n int) (number int, ok bool) {
	for _, b := range text[i : i+n] {
		if b < '0' || b > '9' {
			return 0, false
		}
		number = number*10 + int(b-'0')
	}
	return number, true
}
