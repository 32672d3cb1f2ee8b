package deflate

import "math/bits"

// commonLength16 returns how many bytes from j equal those from i, at most 16. It has no
// branches, since most matches end within 16 bytes, unpredictably.
func (b *buffer) commonLength16(i, j int) int {
	diff0 := b.load64(i) ^ b.load64(j)
	diff1 := b.load64(i+8) ^ b.load64(j+8)
	equal0 := ^int(int64(diff0|-diff0) >> 63) // all ones if diff0 is 0
	return bits.TrailingZeros64(diff0)>>3 + equal0&(bits.TrailingZeros64(diff1)>>3)
}

// commonLength returns how many bytes from j equal those from i. It stops at most 8 bytes
// after end.
func (b *buffer) commonLength(i, j, end int) int {
	n := 0
	for j+n < end {
		diff := b.load64(i+n) ^ b.load64(j+n)
		if diff != 0 {
			return n + bits.TrailingZeros64(diff)>>3
		}
		n += 8
	}
	return n
}

// commonLengthBefore returns how many bytes before j equal those before i, at
// most 8.
func (b *buffer) commonLengthBefore(i, j int) int {
	return bits.LeadingZeros64(b.load64(i-8)^b.load64(j-8)) >> 3
}
