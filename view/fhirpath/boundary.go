package fhirpath

import (
	"math/big"
)

// The precisions of boundaries: digits after the point of a Decimal, digits in all of
// YYYYMMDDhhmmssfff or hhmmssfff.
const (
	decimalPrecision    = 8
	maxDecimalPrecision = 31
	datePrecision       = 8
	dateTimePrecision   = 17
	timePrecision       = 9
)

// boundary pushes the lowest or highest value that the operand can mean at its precision.
func (e *Evaluator) boundary(n *node, f *frame) error {
	v, ok, err := e.single(n, n.left, f)
	if err != nil {
		return err
	}
	precision := -1
	if n.right != nil {
		p, given, err := e.single(n, n.right, f)
		if err != nil || !given {
			return err
		}
		i, isInteger := parseInteger(p.text)
		if p.class() != integerClass || !isInteger {
			return &DataError{Reason: "the precision of " + n.name + " must be an Integer"}
		}
		if i < 0 || i > maxDecimalPrecision {
			return nil
		}
		precision = int(i)
	}
	if !ok {
		return nil
	}
	e.pushBoundary(&v, precision, n.op == opHighBoundary)
	return nil
}

// pushBoundary pushes the boundary of a value; none if its type has none, or not with this
// precision. -1 is the default precision.
func (e *Evaluator) pushBoundary(v *Value, precision int, high bool) {
	start := len(e.scratch)
	t, c := v.typ, v.class()
	kind, ok := String, false
	switch {
	case c.isNumber():
		if c == integerClass || t == nil {
			t = systemDecimal
		}
		kind, ok = Number, e.appendDecimalBoundary(v.text, orDefault(precision, decimalPrecision), high)
	case c == dateClass:
		var d temporal
		precision = orDefault(precision, datePrecision)
		ok = precision <= datePrecision && d.parseDateTime(v.text) && e.appendBoundary(&d, precision, high)
	case c == dateTimeClass:
		var d temporal
		ok = d.parseDateTime(v.text) && e.appendBoundary(&d, orDefault(precision, dateTimePrecision), high)
	case c == timeClass:
		var d temporal
		ok = d.parseTime(v.text) && e.appendBoundary(&d, orDefault(precision, timePrecision), high)
	case v.kind == Object && v.Type() == "Period":
		e.pushPeriodBoundary(v, precision, high)
		return
	}
	if !ok {
		e.Release(start)
		return
	}
	e.pushScratch(t, kind, start)
}

// pushPeriodBoundary pushes the low boundary of the start of a Period, or the high boundary
// of its end.
func (e *Evaluator) pushPeriodBoundary(v *Value, precision int, high bool) {
	el := startElement
	if high {
		el = endElement
	}
	if limit, ok := newValue(e.schema.dateTime, e.find(el, v.text).value); ok && limit.kind == String {
		e.pushBoundary(&limit, precision, high)
	}
}

func orDefault(precision, usual int) int {
	if precision < 0 {
		return usual
	}
	return precision
}

// appendDecimalBoundary appends a number half a unit of its last digit lower or higher,
// rounded outwards to so many digits after the point.
func (e *Evaluator) appendDecimalBoundary(text []byte, precision int, high bool) bool {
	n, ok := parseNumber(text)
	if !ok {
		return false
	}
	mantissa, scale, ok := n.big()
	if !ok {
		return false
	}
	half := big.NewInt(-5)
	if high {
		half.SetInt64(5)
	}
	mantissa.Mul(mantissa, ten).Add(mantissa, half)
	scale++
	if precision >= scale {
		mantissa.Mul(mantissa, bigPower(precision-scale))
	} else {
		divide(mantissa, bigPower(scale-precision), high)
	}
	e.scratch = appendBigDecimal(e.scratch, mantissa, precision)
	return true
}

// divide divides by a positive number and rounds up or down.
func divide(x, by *big.Int, up bool) {
	if up {
		x.Neg(x)
	}
	x.Div(x, by) // rounds down, since by is positive
	if up {
		x.Neg(x)
	}
}

// precisionOf returns the number of digits up to a component, counted from the first.
func (t *temporal) precisionOf(part int) int {
	digits := [...]int{year: 4, month: 6, day: 8, hour: 10, minute: 12, second: 14}[part]
	if t.from == hour {
		return digits - datePrecision
	}
	return digits
}

// appendBoundary appends the earliest or latest time of what is known of t, with a
// precision. It reports whether there is such a precision.
func (e *Evaluator) appendBoundary(t *temporal, precision int, high bool) bool {
	last := t.from
	for last < second && t.precisionOf(last) < precision {
		last++
	}
	exact := t.precisionOf(last) == precision
	milliseconds := last == second && precision == t.precisionOf(second)+3
	if !exact && !milliseconds {
		return false
	}
	known := t.to
	t.fill(high)
	for part := t.from; part <= last; part++ {
		e.appendPart(part, t.parts[part], part > t.from)
	}
	if milliseconds {
		e.appendMilliseconds(t, known > second, high)
	}
	if t.from == year && last >= hour {
		e.appendOffset(t, known, high)
	}
	return true
}

// fill sets the components that are not known to their lowest or highest values.
func (t *temporal) fill(high bool) {
	for part := t.to; part < components; part++ {
		switch {
		case !high && (part == month || part == day):
			t.parts[part] = 1
		case !high:
			t.parts[part] = 0
		case part == month:
			t.parts[part] = 12
		case part == day:
			t.parts[part] = lastDay(t.parts[year], t.parts[month])
		case part == hour:
			t.parts[part] = 23
		default:
			t.parts[part] = 59
		}
	}
}

func (e *Evaluator) appendPart(part, value int, separated bool) {
	if separated {
		e.scratch = append(e.scratch, [...]byte{month: '-', day: '-', hour: 'T', minute: ':', second: ':'}[part])
	}
	width := 2
	if part == year {
		width = 4
	}
	for p := power(width - 1); p > 0; p /= 10 {
		e.scratch = append(e.scratch, '0'+byte(int64(value)/p%10))
	}
}

// appendMilliseconds appends the fraction of the second with three digits.
func (e *Evaluator) appendMilliseconds(t *temporal, known, high bool) {
	e.scratch = append(e.scratch, '.')
	for i := range 3 {
		digit := byte('0')
		switch {
		case i < len(t.fraction):
			digit = t.fraction[i]
		case high && (!known || i >= t.digits):
			digit = '9'
		}
		e.scratch = append(e.scratch, digit)
	}
}

// appendOffset appends the offset from UTC. A date without time gets the offset that makes
// it earliest or latest. A time without offset gets none.
func (e *Evaluator) appendOffset(t *temporal, known int, high bool) {
	switch {
	case t.zoned && t.offset == 0:
		e.scratch = append(e.scratch, 'Z')
	case t.zoned:
		sign, minutes := byte('+'), t.offset
		if minutes < 0 {
			sign, minutes = '-', -minutes
		}
		e.scratch = append(e.scratch, sign)
		e.appendPart(hour, minutes/60, false)
		e.scratch = append(e.scratch, ':')
		e.appendPart(minute, minutes%60, false)
	case known > hour:
	case high:
		e.scratch = append(e.scratch, "-12:00"...)
	default:
		e.scratch = append(e.scratch, "+14:00"...)
	}
}
