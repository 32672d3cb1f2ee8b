package fhirpath

import "math/big"

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
