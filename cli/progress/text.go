package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize/english"
	"github.com/mattn/go-runewidth"
)

// printable replaces characters that a terminal would execute or that would break a line:
// names and texts come from servers.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
}

// fit returns text with exactly width columns. A text that is longer loses its middle: the
// end of a file's name distinguishes it.
func fit(text string, width int) string {
	if width <= 0 {
		return ""
	}
	excess := runewidth.StringWidth(text) - width
	if excess <= 0 {
		return runewidth.FillRight(text, width)
	}
	tail := min(width/2, 16)
	head := runewidth.Truncate(text, width-tail-1, "")
	rest := runewidth.TruncateLeft(text, runewidth.StringWidth(text)-tail, "")
	return runewidth.FillRight(head+"…"+rest, width)
}

// decimal are the units of numbers, each a thousand times the one before.
var decimal = []string{"", "k", "M", "G", "T", "P"}

// scale returns the index of the unit of a number and the unit's size.
func scale(n int64) (unit int, size float64) {
	size = 1
	for float64(n) >= 999.5*size && unit < len(decimal)-1 {
		unit++
		size *= 1000
	}
	return unit, size
}

// digits returns a number with three significant digits, without decimals if whole.
func digits(n float64, whole bool) string {
	switch {
	case whole, n >= 99.95:
		return fmt.Sprintf("%.0f", n)
	case n >= 9.995:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// sizeText returns a number of bytes, such as 1.25 GB.
func sizeText(bytes int64) string {
	unit, size := scale(bytes)
	return digits(float64(bytes)/size, unit == 0) + " " + decimal[unit] + "B"
}

// bytesText returns how many bytes of a size are done, such as 0.31/1.25 GB.
func bytesText(bytes, total int64) string {
	if total <= 0 {
		return sizeText(bytes)
	}
	unit, size := scale(max(bytes, total))
	of := func(n int64) string { return digits(float64(n)/size, unit == 0) }
	return of(bytes) + "/" + of(total) + " " + decimal[unit] + "B"
}

// shortCount returns a number such as 1.25M.
func shortCount(n int64) string {
	unit, size := scale(n)
	return digits(float64(n)/size, unit == 0) + decimal[unit]
}

// countText returns a number of things, such as 1 file or 1.25M files.
func countText(n int64, thing string) string {
	return shortCount(n) + " " + english.PluralWord(int(n), thing, "")
}

// rateText returns a rate such as 12.3 MB/s.
func rateText(perSecond float64) string {
	if perSecond < 0 {
		return ""
	}
	return sizeText(int64(perSecond)) + "/s"
}

// percentText returns a fraction in percent. 100% is nothing but all.
func percentText(fraction float64) string {
	if fraction < 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", int(fraction*100))
}

// clock returns a duration such as 1:02:03 or 2:03.
func clock(d time.Duration) string {
	if d < 0 {
		return "-:--"
	}
	total := int64(d.Round(time.Second) / time.Second)
	hours, minutes, secs := total/3600, total/60%60, total%60
	if hours > 0 {
		return fmt.Sprintf("%d:%02d:%02d", hours, minutes, secs)
	}
	return fmt.Sprintf("%d:%02d", minutes, secs)
}

// name returns the name of the line of all, such as 3/12 files.
func (c *counts) name() string {
	if c.totalItems > 0 {
		return fmt.Sprintf("%d/%s", c.doneItems, english.Plural(int(c.totalItems), c.item, ""))
	}
	return english.Plural(int(c.doneItems), c.item, "")
}
