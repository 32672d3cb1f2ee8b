package jsonb

import "encoding/binary"

// Parts of a numeric (src/backend/utils/adt/numeric.c): its length, a header, in the
// long form the weight, and digits of base 10000.
const (
	varlenaBytes = 4
	varlenaShift = 2

	formMask     = 0xC000
	negativeLong = 0x4000
	shortForm    = 0x8000
	specialForm  = 0xC000 // NaN and the infinities, which jsonb cannot hold

	longScaleMask   = 0x3FFF
	shortNegative   = 0x2000
	shortScaleMask  = 0x1F80
	shortScaleShift = 7
	shortWeightSign = 0x0040
	shortWeightMask = 0x003F

	wordBytes = 2 // of the header, the weight and each digit
	base      = 10000
)

// appendNumber appends the text of a number. It returns false if data, a numeric without
// the padding before it, is not well formed or if its text is not JSON, which PostgreSQL
// does not store.
//
// The number is the sum of its digits times 10000^(weight - index); scale is the number
// of decimals after the point.
func appendNumber(dst, data []byte) (_ []byte, ok bool) {
	if len(data) < varlenaBytes+wordBytes || binary.LittleEndian.Uint32(data) != uint32(len(data))<<varlenaShift {
		return dst, false
	}
	header := int(binary.LittleEndian.Uint16(data[varlenaBytes:]))
	digits := data[varlenaBytes+wordBytes:]
	negative, weight, scale := false, 0, 0
	switch form := header & formMask; {
	case form == shortForm:
		negative = header&shortNegative != 0
		scale = header & shortScaleMask >> shortScaleShift
		weight = header&shortWeightMask - header&shortWeightSign
	case form != specialForm && len(digits) >= wordBytes:
		negative = form == negativeLong
		scale = header & longScaleMask
		weight = int(int16(binary.LittleEndian.Uint16(digits)))
		digits = digits[wordBytes:]
	default:
		return dst, false
	}
	if len(digits)%wordBytes != 0 {
		return dst, false
	}
	if negative {
		dst = append(dst, '-')
	}
	if dst, digits, ok = appendWhole(dst, digits, weight); !ok || scale == 0 {
		return dst, ok
	}
	return appendDecimals(append(dst, '.'), digits, weight, scale)
}

// appendWhole appends the part of a number before the point and returns the digits after
// it.
func appendWhole(dst, digits []byte, weight int) (_, rest []byte, ok bool) {
	if weight < 0 {
		return append(dst, '0'), digits, true
	}
	first, digits := nextDigit(digits)
	if first >= base || first == 0 && weight > 0 {
		return dst, digits, false
	}
	dst = appendFirst(dst, first)
	for range weight {
		var digit int
		if digit, digits = nextDigit(digits); digit >= base {
			return dst, digits, false
		}
		dst = appendDigit(dst, digit)
	}
	return dst, digits, true
}

// appendDecimals appends the part of a number after the point, from the digits after it.
func appendDecimals(dst, digits []byte, weight, scale int) (_ []byte, ok bool) {
	end := len(dst) + scale
	for i := weight + 1; i < 0 && len(dst) < end; i++ {
		dst = append(dst, "0000"...)
	}
	for len(dst) < end {
		var digit int
		if digit, digits = nextDigit(digits); digit >= base {
			return dst, false
		}
		dst = appendDigit(dst, digit)
	}
	return dst[:end], true
}

// nextDigit returns the first digit, which is 0 after the last one, and the rest.
func nextDigit(digits []byte) (digit int, rest []byte) {
	if len(digits) < wordBytes {
		return 0, nil
	}
	return int(binary.LittleEndian.Uint16(digits)), digits[wordBytes:]
}

// appendFirst appends a digit of base 10000 without leading zeros.
func appendFirst(dst []byte, d int) []byte {
	switch {
	case d < 10:
		return append(dst, byte('0'+d))
	case d < 100:
		return append(dst, byte('0'+d/10), byte('0'+d%10))
	case d < 1000:
		return append(dst, byte('0'+d/100), byte('0'+d/10%10), byte('0'+d%10))
	}
	return appendDigit(dst, d)
}

// appendDigit appends the four decimals of a digit of base 10000.
func appendDigit(dst []byte, d int) []byte {
	return append(dst, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
}
