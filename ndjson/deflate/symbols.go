package deflate

import "math/bits"

// The alphabets of RFC 1951, section 3.2.5.
const (
	endOfBlock      = 256
	firstLength     = 257
	literalSymbols  = 286 // literals, end of block and lengths
	distanceSymbols = 30
)

// lengthSymbols maps a match length - minLength to its symbol - firstLength.
// lengthExtraBits and lengthBases describe those symbols.
var (
	lengthSymbols   [256]uint8
	lengthExtraBits [29]uint8
	lengthBases     [29]uint8
)

func init() {
	// There are eight symbols without extra bits, then four for each number of extra
	// bits; the longest length has a symbol of its own.
	base := 0
	for symbol := range 28 {
		extra := max(0, symbol/4-1)
		lengthExtraBits[symbol] = uint8(extra)
		lengthBases[symbol] = uint8(base)
		for range 1 << extra {
			lengthSymbols[base&255] = uint8(symbol)
			base++
		}
	}
	lengthSymbols[255] = 28
	lengthBases[28] = 255
}

// distanceSymbol returns the symbol of a match distance, given as distance - 1, and the
// number of its extra bits, which are the low bits of index. There are four symbols
// without extra bits, then two for each number of extra bits, like the exponent and
// mantissa of a floating-point number.
func distanceSymbol(index uint32) (symbol uint32, extra uint) {
	extra = uint(bits.Len32(index|2)) - 2
	return uint32(2*extra) + index>>extra, extra
}
