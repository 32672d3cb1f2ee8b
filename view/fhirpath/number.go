package fhirpath

import (
	"math/big"
	"strconv"
)

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

// maxDigits is the number of digits that computations handle. More is an overflow, which
// results in nothing.
const maxDigits = 1000

var ten = big.NewInt(10)

func bigPower(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// big returns the number as mantissa / 10^scale. scale is negative if the last digit
// stands before the point: 1e2. ok is false if there are too many digits.
func (n *number) big() (mantissa *big.Int, scale int, ok bool) {
	if n.digitCount() > maxDigits || n.exponent > maxDigits || n.exponent < -maxDigits {
		return nil, 0, false
	}
	digits := make([]byte, 0, n.digitCount()+1)
	digits = append(append(append(digits, '0'), n.whole...), n.fraction...)
	mantissa, ok = new(big.Int).SetString(string(digits), 10)
	if ok && n.negative {
		mantissa.Neg(mantissa)
	}
	return mantissa, len(n.fraction) - n.exponent, ok
}

// appendBig appends the result of an operation on numbers of any size. ok is false if it
// overflows.
func appendBig(dst []byte, op operation, x, y *number) (extended []byte, ok bool) {
	a, scaleA, okA := x.big()
	b, scaleB, okB := y.big()
	if !okA || !okB {
		return dst, false
	}
	if op == opMultiply {
		return appendBigDecimal(dst, a.Mul(a, b), scaleA+scaleB), true
	}
	scale := max(scaleA, scaleB)
	a.Mul(a, bigPower(scale-scaleA))
	b.Mul(b, bigPower(scale-scaleB))
	switch op {
	case opAdd:
		a.Add(a, b)
	case opSubtract:
		a.Sub(a, b)
	default:
		return appendBigQuotient(dst, a, b), true
	}
	return appendBigDecimal(dst, a, scale), true
}

// appendBigQuotient appends a / b, rounded half up as appendQuotient does.
func appendBigQuotient(dst []byte, a, b *big.Int) []byte {
	negative := a.Sign()*b.Sign() < 0
	a.Abs(a).Mul(a, bigPower(quotientDigits))
	b.Abs(b)
	rest := new(big.Int)
	a.QuoRem(a, b, rest)
	if rest.Lsh(rest, 1).Cmp(b) >= 0 {
		a.Add(a, big.NewInt(1))
	}
	scale := quotientDigits
	for digit := new(big.Int); scale > 0; scale-- {
		q, r := new(big.Int).QuoRem(a, ten, digit)
		if r.Sign() != 0 {
			break
		}
		a = q
	}
	if negative {
		a.Neg(a)
	}
	return appendBigDecimal(dst, a, scale)
}

// appendBigDecimal appends mantissa / 10^scale.
func appendBigDecimal(dst []byte, mantissa *big.Int, scale int) []byte {
	if scale < 0 {
		mantissa, scale = new(big.Int).Mul(mantissa, bigPower(-scale)), 0
	}
	if mantissa.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(mantissa).String()
	for len(digits) <= scale {
		digits = zeros[:min(len(zeros), scale+1-len(digits))] + digits
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale == 0 {
		return dst
	}
	return append(append(dst, '.'), digits[len(digits)-scale:]...)
}

const zeros = "00000000000000000000000000000000"
