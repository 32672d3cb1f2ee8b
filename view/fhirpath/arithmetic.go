package fhirpath

import (
	"math"
	"math/bits"
	"strconv"
)

// integer returns an Integer.
func (e *Evaluator) integer(i int) Value {
	start := len(e.scratch)
	e.scratch = strconv.AppendInt(e.scratch, int64(i), 10)
	return Value{typ: systemInteger, kind: Number, text: e.scratch[start:len(e.scratch):len(e.scratch)]}
}

// arithmetic pushes the result of + - * /.
func (e *Evaluator) arithmetic(n *node, f *frame) error {
	a, okA, err := e.single(n, n.left, f)
	if err != nil {
		return err
	}
	b, okB, err := e.single(n, n.right, f)
	if err != nil || !okA || !okB {
		return err
	}
	ca, cb := a.class(), b.class()
	switch {
	case ca == stringClass && cb == stringClass && n.op == opAdd:
		return e.concatenate(&a, &b)
	case !ca.isNumber() || !cb.isNumber():
		return wrongTypes(n, a, b)
	case ca == integerClass && cb == integerClass && n.op != opDivide && e.integers(n.op, &a, &b):
	default:
		e.decimals(n.op, &a, &b)
	}
	return nil
}

// concatenate pushes a and b as one string. A result of the evaluator at the end of its
// memory is extended, so that a sum of many terms is not copied for each.
func (e *Evaluator) concatenate(a, b *Value) error {
	start, more := len(e.scratch), len(a.text)+len(b.text)
	extended := e.isLast(a)
	if extended {
		start, more = start-len(a.text), len(b.text)
	}
	if err := e.checkText(more); err != nil {
		return err
	}
	if !extended {
		e.appendText(a)
	}
	e.appendText(b)
	e.pushScratch(systemString, String, start)
	return nil
}

// isLast reports whether the text of a value is the end of the scratch memory.
func (e *Evaluator) isLast(v *Value) bool {
	n := len(v.text)
	return v.decoded && n > 0 && n <= len(e.scratch) && &v.text[n-1] == &e.scratch[len(e.scratch)-1]
}

// integers pushes the result for two Integers: none if it overflows. It reports whether
// the values are Integers of 64 bits.
func (e *Evaluator) integers(op operation, a, b *Value) bool {
	x, okX := parseInteger(a.text)
	y, okY := parseInteger(b.text)
	if !okX || !okY {
		return false
	}
	wide := e.schema.integer64
	t, lowest, highest := systemInteger, int64(math.MinInt32), int64(math.MaxInt32)
	if a.typ == wide || b.typ == wide {
		t, lowest, highest = wide, math.MinInt64, math.MaxInt64
	}
	result, ok := integerResult(op, x, y)
	if !ok || result < lowest || result > highest {
		return true
	}
	start := len(e.scratch)
	e.scratch = strconv.AppendInt(e.scratch, result, 10)
	e.pushScratch(t, Number, start)
	return true
}

// integerResult returns x + y, x - y or x * y. ok is false if it overflows.
func integerResult(op operation, x, y int64) (result int64, ok bool) {
	switch op {
	case opAdd:
		result = x + y
		return result, (result > x) == (y > 0)
	case opSubtract:
		result = x - y
		return result, (result < x) == (y > 0)
	}
	high, low := bits.Mul64(magnitude(x), magnitude(y))
	if (x < 0) == (y < 0) {
		return int64(low), high == 0 && low <= math.MaxInt64
	}
	return -int64(low), high == 0 && low <= 1<<63
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// decimals pushes the result for two Decimals: none if it overflows or divides by zero.
func (e *Evaluator) decimals(op operation, a, b *Value) {
	x, okX := parseNumber(a.text)
	y, okY := parseNumber(b.text)
	if !okX || !okY || op == opDivide && y.sign() == 0 {
		return
	}
	start := len(e.scratch)
	mx, okX := x.small()
	my, okY := y.small()
	if okX && okY {
		e.scratch = appendSmall(e.scratch, op, mx, my, len(x.fraction), len(y.fraction))
	} else if e.scratch, okX = appendBig(e.scratch, op, &x, &y); !okX {
		return
	}
	e.pushScratch(systemDecimal, Number, start)
}

// smallDigits is the number of digits of numbers whose sums, products and quotients are
// computed with 64 bits.
const smallDigits = 9

// small returns the digits of the number as an integer. ok is false if there are too many.
func (n *number) small() (mantissa int64, ok bool) {
	if n.digitCount() > smallDigits || n.exponent != 0 {
		return 0, false
	}
	for i := range n.digitCount() {
		mantissa = 10*mantissa + int64(n.digit(i)-'0')
	}
	if n.negative {
		mantissa = -mantissa
	}
	return mantissa, true
}

// appendSmall appends the result of an operation on two small numbers with so many digits
// after their points.
func appendSmall(dst []byte, op operation, x, y int64, scaleX, scaleY int) []byte {
	scale := max(scaleX, scaleY)
	switch op {
	case opMultiply:
		return appendDecimal(dst, x*y, scaleX+scaleY)
	case opDivide:
		return appendQuotient(dst, x*power(scaleY), y*power(scaleX))
	}
	x, y = x*power(scale-scaleX), y*power(scale-scaleY)
	if op == opSubtract {
		y = -y
	}
	return appendDecimal(dst, x+y, scale)
}

// power returns 10 to the power of n.
func power(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// appendDecimal appends mantissa / 10^scale.
func appendDecimal(dst []byte, mantissa int64, scale int) []byte {
	if mantissa < 0 {
		dst = append(dst, '-')
	}
	m, p := magnitude(mantissa), uint64(power(scale))
	dst = strconv.AppendUint(dst, m/p, 10)
	if scale == 0 {
		return dst
	}
	return appendFraction(dst, m%p, scale)
}

// appendFraction appends a point and so many digits.
func appendFraction(dst []byte, fraction uint64, scale int) []byte {
	dst = append(dst, '.')
	for p := uint64(power(scale - 1)); p > 0; p /= 10 {
		dst = append(dst, '0'+byte(fraction/p%10))
	}
	return dst
}

// quotientDigits is the number of digits of a quotient after the point. Zeros at the end
// are left out.
const quotientDigits = 16

// appendQuotient appends x / y, rounded half up.
func appendQuotient(dst []byte, x, y int64) []byte {
	if (x < 0) != (y < 0) && x != 0 {
		dst = append(dst, '-')
	}
	a, b := magnitude(x), magnitude(y)
	whole, rest, fraction := a/b, a%b, uint64(0)
	for range quotientDigits {
		rest *= 10
		fraction, rest = 10*fraction+rest/b, rest%b
	}
	if rest >= b-rest {
		fraction++
	}
	if one := uint64(power(quotientDigits)); fraction == one {
		whole, fraction = whole+1, 0
	}
	dst = strconv.AppendUint(dst, whole, 10)
	if fraction == 0 {
		return dst
	}
	scale := quotientDigits
	for ; fraction%10 == 0; scale-- {
		fraction /= 10
	}
	return appendFraction(dst, fraction, scale)
}

// negate pushes the operand with the opposite sign.
func (e *Evaluator) negate(n *node, f *frame) error {
	v, ok, err := e.single(n, n.left, f)
	if err != nil || !ok {
		return err
	}
	if v.kind != Number {
		return &DataError{Reason: "operator - needs a number, got " + string(v.Type())}
	}
	start := len(e.scratch)
	text := v.text
	if text[0] == '-' {
		text = text[1:]
	} else {
		e.scratch = append(e.scratch, '-')
	}
	e.scratch = append(e.scratch, text...)
	t := systemOf(v.class())
	if v.typ == e.schema.integer64 {
		t = v.typ
	}
	e.pushScratch(t, Number, start)
	return nil
}
