package jsonbtest

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// decimals is the number of decimals in a digit of base 10000.
const decimals = 4

// appendNumeric appends the numeric of a JSON number: the short form where scale and
// weight fit, otherwise the long one.
func appendNumeric(dst []byte, text string) []byte {
	digits, weight, scale := parseNumber(strings.TrimPrefix(text, "-"))
	negative := text[0] == '-' && len(digits) > 0

	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if scale < 64 && weight >= -64 && weight < 64 {
		header := 0x8000 | scale<<7 | weight&0x7F
		if negative {
			header |= 0x2000
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(header))
	} else {
		header := scale
		if negative {
			header |= 0x4000
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(header))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(weight))
	}
	for _, digit := range digits {
		dst = binary.LittleEndian.AppendUint16(dst, digit)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start)<<2)
	return dst
}

// parseNumber returns the digits of base 10000 of a number without sign, the weight of
// the first one, and the number of decimals after the point. Zero has no digits.
func parseNumber(text string) (digits []uint16, weight, scale int) {
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ := strconv.Atoi(exponentText)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	scale = max(len(fraction)-exponent, 0)

	point := len(whole) + exponent // position of the point in all
	lead := -point & (decimals - 1)
	all := strings.Repeat("0", lead) + whole + fraction
	all += strings.Repeat("0", -len(all)&(decimals-1))
	weight = (point+lead)/decimals - 1
	for ; all != ""; all = all[decimals:] {
		digit, _ := strconv.Atoi(all[:decimals])
		digits = append(digits, uint16(digit))
	}
	for len(digits) > 0 && digits[0] == 0 {
		digits, weight = digits[1:], weight-1
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		weight = 0
	}
	return digits, weight, scale
}
