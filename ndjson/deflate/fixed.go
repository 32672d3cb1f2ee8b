package deflate

// The fixed codes (RFC 1951, section 3.2.6).
var (
	fixedLiteralLengths  [literalSymbols]uint8
	fixedDistanceLengths [distanceSymbols]uint8
	fixedLiteralCodes    [literalSymbols]code
	fixedDistanceCodes   [distanceSymbols]code
)

func init() {
	// The literal code has two symbols that never occur, and so has the distance code.
	var lengths [literalSymbols + 2]uint8
	for symbol := range lengths {
		switch {
		case symbol < 144:
			lengths[symbol] = 8
		case symbol < 256:
			lengths[symbol] = 9
		case symbol < 280:
			lengths[symbol] = 7
		default:
			lengths[symbol] = 8
		}
	}
	var codes [literalSymbols + 2]code
	assignCodes(codes[:], lengths[:])
	copy(fixedLiteralLengths[:], lengths[:])
	copy(fixedLiteralCodes[:], codes[:])

	for symbol := range fixedDistanceLengths {
		fixedDistanceLengths[symbol] = 5
	}
	assignCodes(fixedDistanceCodes[:], fixedDistanceLengths[:])
}
