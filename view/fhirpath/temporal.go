package fhirpath

import "bytes"

// The components of a date or time.
const (
	year = iota
	month
	day
	hour
	minute
	second // with its fraction
	components
)

// temporal is a date, a date with time or a time as far as it is known. A time begins with
// the hour.
type temporal struct {
	parts    [components]int
	from, to int    // the components that are known
	fraction []byte // of the second: digits, without trailing zeros
	digits   int    // of the fraction, as written

	zoned  bool
	offset int // from UTC in minutes
}

// parseDateTime parses a date or a date with time: 2014, 2014-01, 2014-01-25,
// 2014-01-25T14:30:14.559Z. It reports whether it is one.
func (t *temporal) parseDateTime(text []byte) bool {
	*t = temporal{}
	date, clock, hasClock := bytes.Cut(text, []byte("T"))
	if !t.number(&date, year, 4) {
		return false
	}
	for part := month; part <= day && len(date) > 0; part++ {
		if date[0] != '-' {
			return false
		}
		if date = date[1:]; !t.number(&date, part, 2) {
			return false
		}
	}
	if len(date) > 0 || !t.valid() {
		return false
	}
	return !hasClock || t.to == day+1 && t.clock(clock) && t.valid()
}

// parseTime parses 14, 14:30, 14:30:14 or 14:30:14.559. It reports whether it is a time.
func (t *temporal) parseTime(text []byte) bool {
	*t = temporal{from: hour}
	return t.clock(text) && !t.zoned && t.valid()
}

// clock parses the time of a day with an optional offset from UTC.
func (t *temporal) clock(text []byte) bool {
	if !t.number(&text, hour, 2) {
		return false
	}
	for part := minute; part <= second && len(text) > 0 && text[0] == ':'; part++ {
		if text = text[1:]; !t.number(&text, part, 2) {
			return false
		}
	}
	if t.to > second && len(text) > 0 && text[0] == '.' {
		end := 1
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		t.digits, t.fraction = end-1, bytes.TrimRight(text[1:end], "0")
		if text = text[end:]; t.digits == 0 {
			return false
		}
	}
	return len(text) == 0 || t.zone(text)
}

// zone parses Z, +10:00 or -03:30.
func (t *temporal) zone(text []byte) bool {
	t.zoned = true
	if string(text) == "Z" {
		return true
	}
	if len(text) != 6 || text[0] != '+' && text[0] != '-' || text[3] != ':' {
		return false
	}
	hours, ok := digits(text[1:3])
	minutes, ok2 := digits(text[4:6])
	if t.offset = 60*hours + minutes; text[0] == '-' {
		t.offset = -t.offset
	}
	return ok && ok2 && hours <= 14 && minutes <= 59
}

// number parses a component of so many digits and removes it from text.
func (t *temporal) number(text *[]byte, part, width int) (ok bool) {
	if len(*text) < width {
		return false
	}
	t.parts[part], ok = digits((*text)[:width])
	t.to = part + 1
	*text = (*text)[width:]
	return ok
}

func digits(text []byte) (n int, ok bool) {
	for _, c := range text {
		if !isDigit(c) {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// valid reports whether all components are in their ranges.
func (t *temporal) valid() bool {
	p := &t.parts
	return (t.to <= month || t.from > month || 1 <= p[month] && p[month] <= 12) &&
		(t.to <= day || t.from > day || 1 <= p[day] && p[day] <= lastDay(p[year], p[month])) &&
		p[hour] <= 23 && p[minute] <= 59 && p[second] <= 60
}

// lastDay returns the number of days of a month.
func lastDay(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// toUTC moves a date with time to UTC.
func (t *temporal) toUTC() {
	if t.offset == 0 || t.to <= hour {
		return
	}
	p := &t.parts
	minutes := 60*p[hour] + p[minute] - t.offset
	t.offset = 0
	for ; minutes < 0; minutes += 24 * 60 {
		if p[day]--; p[day] == 0 {
			if p[month]--; p[month] == 0 {
				p[month] = 12
				p[year]--
			}
			p[day] = lastDay(p[year], p[month])
		}
	}
	for ; minutes >= 24*60; minutes -= 24 * 60 {
		if p[day]++; p[day] > lastDay(p[year], p[month]) {
			p[day] = 1
			if p[month]++; p[month] == 13 {
				p[month] = 1
				p[year]++
			}
		}
	}
	p[hour], p[minute] = minutes/60, minutes%60
}

// compare compares component by component. ok is false if one ends while all components
// are equal, or if only one of two times has an offset from UTC.
func (t *temporal) compare(other *temporal) (order int, ok bool) {
	if t.from != other.from {
		return 0, false
	}
	if t.to > hour && other.to > hour {
		if t.zoned != other.zoned {
			return 0, false
		}
		t.toUTC()
		other.toUTC()
	}
	for part := t.from; part < min(t.to, other.to); part++ {
		if a, b := t.parts[part], other.parts[part]; a != b {
			return sign(a - b), true
		}
	}
	return bytes.Compare(t.fraction, other.fraction), t.to == other.to
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
