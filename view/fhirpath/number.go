package fhirpath

import "strconv"

// number is the text of a JSON number in parts.
type number struct {
	negative bool
	whole    []byte // without leading zeros
	fraction []byte
	exponent int
}

// maxExponent bounds what an exponent is read as: beyond it numbers are only compared.
const maxExponent = 1 << 40

// parseNumber reads a JSON number. It reports whether it is one.
func parseNumber(text []byte) (n number, ok bool) {
	if len(text) > 0 && text[0] == '-' {
		n.negative, text = true, text[1:]
	}
	end := digitsEnd(text, 0)
	if n.whole = text[:end]; end == 0 {
		return n, false
	}
	for len(n.whole) > 0 && n.whole[0] == '0' {
		n.whole = n.whole[1:]
	}
	if text = text[end:]; len(text) > 0 && text[0] == '.' {
		end := digitsEnd(text, 1)
		if n.fraction = text[1:end]; end == 1 {
			return n, false
		}
		text = text[end:]
	}
	if len(text) == 0 {
		return n, true
	}
	return n, (text[0] == 'e' || text[0] == 'E') && n.parseExponent(text[1:])
}

func (n *number) parseExponent(text []byte) bool {
	negative := false
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		negative, text = text[0] == '-', text[1:]
	}
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
		n.exponent = min(10*n.exponent+int(c-'0'), maxExponent)
	}
	if negative {
		n.exponent = -n.exponent
	}
	return len(text) > 0
}

func digitsEnd(text []byte, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

func isNumber(text []byte) bool {
	_, ok := parseNumber(text)
	return ok
}

// parseInteger reads an integer of 64 bits.
func parseInteger(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > len("-9223372036854775808") || text[0] == '+' {
		return 0, false
	}
	if len(text) < 18 { // cannot overflow
		unsigned := text
		if text[0] == '-' {
			unsigned = text[1:]
		}
		i, ok := digits(unsigned)
		if len(unsigned) < len(text) {
			i = -i
		}
		return int64(i), ok && len(unsigned) > 0
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// leading returns the index of the first digit that is not zero, counted over whole and
// fraction; it is the number of digits if all are zero.
func (n *number) leading() int {
	if len(n.whole) > 0 {
		return 0
	}
	for i, c := range n.fraction {
		if c != '0' {
			return i
		}
	}
	return len(n.fraction)
}

func (n *number) digitCount() int { return len(n.whole) + len(n.fraction) }

// digit returns the digit at an index over whole and fraction.
func (n *number) digit(i int) byte {
	switch {
	case i < len(n.whole):
		return n.whole[i]
	case i < n.digitCount():
		return n.fraction[i-len(n.whole)]
	}
	return '0'
}

// compareNumbers compares two JSON numbers of any size by value. ok is false if one is no
// number.
func compareNumbers(a, b []byte) (order int, ok bool) {
	x, okX := parseNumber(a)
	y, okY := parseNumber(b)
	if !okX || !okY {
		return 0, false
	}
	signX, signY := x.sign(), y.sign()
	if signX != signY || signX == 0 {
		return sign(signX - signY), true
	}
	return signX * x.compareMagnitude(&y), true
}

func (n *number) sign() int {
	switch {
	case n.leading() == n.digitCount():
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// compareMagnitude compares the absolute values of two numbers that are not zero.
func (n *number) compareMagnitude(other *number) int {
	i, j := n.leading(), other.leading()
	if order := sign(len(n.whole) - i + n.exponent - (len(other.whole) - j + other.exponent)); order != 0 {
		return order
	}
	for i < n.digitCount() || j < other.digitCount() {
		if order := sign(int(n.digit(i)) - int(other.digit(j))); order != 0 {
			return order
		}
		i, j = i+1, j+1
	}
	return 0
}
