package jsonb

import "encoding/binary"

// Parts of a numeric, after its length (src/backend/utils/adt/numeric.c).
const (
	varlenaBytes  = 4
	varlenaShift  = 2
	kindOfNumeric = 0xC000 // the bits that tell the form
	negativeLong  = 0x4000
	shortForm     = 0x8000
	specialForm   = 0xC000 // NaN and the infinities, which jsonb cannot hold

	shortNegative    = 0x2000
	shortScaleMask   = 0x1F80
	shortScaleShift  = 7
	shortWeightSign  = 0x0040
	shortWeightMask  = 0x003F
	longScaleMask    = 0x3FFF
	digitBytes       = 2
	decimalsPerDigit = 4
	base             = 10000
)

// numeric is a number: the sum of its digits times 10000^(weight - index).
type numeric struct {
	negative bool
	weight   int    // of the first digit
	scale    int    // decimals that are printed
	digits   []byte // of base 10000, two bytes each
}

// parseNumeric parses the data of a number, without padding.
func parseNumeric(data []byte) (n numeric, ok bool) {
	if len(data) < varlenaBytes+2 || binary.LittleEndian.Uint32(data) != uint32(len(data)<<varlenaShift) {
		return n, false
	}
	header := int(binary.LittleEndian.Uint16(data[varlenaBytes:]))
	rest := data[varlenaBytes+2:]
	switch header & kindOfNumeric {
	case specialForm:
		return n, false
	case shortForm:
		n.negative = header&shortNegative != 0
		n.scale = header & shortScaleMask >> shortScaleShift
		n.weight = header&shortWeightMask - header&shortWeightSign
	default:
		if len(rest) < 2 {
			return n, false
		}
		n.negative = header&kindOfNumeric == negativeLong
		n.scale = header & longScaleMask
		n.weight = int(int16(binary.LittleEndian.Uint16(rest)))
		rest = rest[2:]
	}
	n.digits = rest
	return n, len(rest)%digitBytes == 0
}

// digit returns a digit by its index, which may be before the first or after the last.
func (n numeric) digit(i int) int {
	if i < 0 || i >= len(n.digits)/digitBytes {
		return 0
	}
	return int(binary.LittleEndian.Uint16(n.digits[i*digitBytes:]))
}

// appendNumber appends the text of a number from its data without padding.
func appendNumber(dst, data []byte) (_ []byte, ok bool) {
	n, ok := parseNumeric(data)
	if !ok {
		return dst, false
	}
	if n.negative {
		dst = append(dst, '-')
	}
	if n.weight < 0 {
		dst = append(dst, '0')
	}
	for i := 0; i <= n.weight; i++ {
		d := n.digit(i)
		if d >= base {
			return dst, false
		}
		if i == 0 {
			dst = appendFirst(dst, d)
		} else {
			dst = appendDigit(dst, d)
		}
	}
	if n.scale == 0 {
		return dst, true
	}
	dst = append(dst, '.')
	end := len(dst) + n.scale
	for i := n.weight + 1; len(dst) < end; i++ {
		d := n.digit(i)
		if d >= base {
			return dst, false
		}
		dst = appendDigit(dst, d)
	}
	return dst[:end], true
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
