package table

import (
	"math/bits"
	"strconv"
)

// decimal is an integer of 128 bits, in two's complement.
type decimal struct {
	high int64
	low  uint64
}

// int64 returns the value and reports whether 64 bits hold it.
func (d decimal) int64() (int64, bool) {
	return int64(d.low), d.high == int64(d.low)>>63
}

// timesTenPlus returns 10 × d + digit, for a d that is not negative.
func (d decimal) timesTenPlus(digit byte) decimal {
	high, low := bits.Mul64(d.low, 10)
	low, carry := bits.Add64(low, uint64(digit), 0)
	return decimal{int64(uint64(d.high)*10 + high + carry), low}
}

func (d decimal) negative() decimal {
	low, borrow := bits.Sub64(0, d.low, 0)
	high, _ := bits.Sub64(0, uint64(d.high), borrow)
	return decimal{int64(high), low}
}

// plainInteger returns the value of text that has up to 19 digits, a minus or none, and
// no redundant zeros. ok is false for any other text, which may still be an integer.
func plainInteger(text []byte) (n int64, ok bool) {
	digits := text
	if len(text) > 1 && text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(text) > 1 {
		return 0, false
	}
	var u uint64
	for _, b := range digits {
		if b < '0' || b > '9' {
			return 0, false
		}
		u = u*10 + uint64(b-'0')
	}
	if len(digits) < len(text) {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// parseDecimal returns the value of a number times 10^scale. The number must be exact
// with this precision and scale: zeros after its last decimal place are not significant,
// any other digit is.
func parseDecimal(text []byte, precision, scale int) (decimal, string) {
	n, ok := parseNumber(text)
	if !ok {
		return decimal{}, "text that is not a number"
	}
	if len(n.digits) == 0 {
		return decimal{}, ""
	}
	shift := n.exponent + scale
	if shift < 0 {
		if scale == 0 {
			return decimal{}, "a number with decimal places"
		}
		return decimal{}, "a number with more than " + strconv.Itoa(scale) + " decimal places"
	}
	if shift > precision || n.count+shift > precision {
		return decimal{}, "a number with more than " + strconv.Itoa(precision-scale) + " digits before the point"
	}
	var d decimal
	for _, b := range n.digits {
		if b != '.' {
			d = d.timesTenPlus(b - '0')
		}
	}
	for range shift {
		d = d.timesTenPlus(0)
	}
	if n.minus {
		d = d.negative()
	}
	return d, ""
}

// number is a JSON number: digits × 10^exponent.
type number struct {
	minus    bool
	digits   []byte // without outer zeros, maybe with a point; empty for 0
	count    int    // of digits without the point
	exponent int
}

// maxExponent bounds exponents, far beyond the range of any type.
const maxExponent = 1 << 20

// parseNumber parses a JSON number, also with a plus.
func parseNumber(text []byte) (n number, ok bool) {
	i := 0
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.minus = text[0] == '-'
		i = 1
	}
	start, point := i, -1
	for ; i < len(text) && (text[i] == '.' && point < 0 || text[i] >= '0' && text[i] <= '9'); i++ {
		if text[i] == '.' {
			point = i
		}
	}
	end := i
	if start == end || start == point || end-1 == point {
		return n, false
	}
	if i < len(text) {
		if text[i]|0x20 != 'e' {
			return n, false
		}
		exponent, err := strconv.Atoi(string(text[i+1:]))
		if err != nil {
			return n, false
		}
		n.exponent = max(min(exponent, maxExponent), -maxExponent)
	}
	units := end // the index after the digit of 10^0
	if point >= 0 {
		units = point
	}
	for start < end && (text[start] == '0' || text[start] == '.') {
		start++
	}
	for start < end && (text[end-1] == '0' || text[end-1] == '.') {
		end--
	}
	n.digits, n.count = text[start:end], end-start
	if start < units && units < end {
		n.count-- // the point
	}
	if end <= units {
		n.exponent += units - end
	} else {
		n.exponent -= end - 1 - units
	}
	return n, true
}
