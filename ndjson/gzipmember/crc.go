package gzipmember

// joinCRC returns the CRC-32 (IEEE) of the concatenation of two texts, given the CRC
// of each and the length of the second.
//
// A CRC is a remainder modulo a polynomial over the field of two elements. Appending
// n bytes multiplies the first CRC by x to the power of 8n; then the second is added,
// which is exclusive or in that field. The inversions of all bits at the beginning and
// the end of CRC-32 cancel out.
func joinCRC(first, second uint32, n int) uint32 {
	return multiply(power(n), first) ^ second
}

// polynomial is the polynomial of CRC-32 without its highest term. The highest bit of
// a number is the term of power zero.
const polynomial = 0xEDB88320

// multiply returns the product of two polynomials modulo polynomial.
func multiply(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		b = b>>1 ^ polynomial&-(b&1) // times x
	}
	return product
}

// power returns x to the power of 8n modulo polynomial, by squaring.
func power(n int) uint32 {
	result := uint32(1 << 31) // one
	factor := uint32(1 << 23) // x to the power of 8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(result, factor)
		}
		factor = multiply(factor, factor)
	}
	return result
}
