package deflate

const (
	// tableBits is the size of the table, 64 KiB. A table of 128 KiB reduces the output
	// by 0.2 % and is slower, since more of it is outside of the first-level cache.
	tableBits = 14

	// minFound is the length of the shortest match to search for. A match takes about
	// as many bits as four or five literals and costs one or two mispredicted branches,
	// so shorter ones do not pay.
	minFound = 6

	// margin is the number of bytes that must follow a search position.
	margin = 16
)

// A finder finds matches. For each hash of minFound bytes, its table has the stream
// position, modulo 2^32, at which that hash occurred last.
//
// Entries may be arbitrarily old: a candidate is only a hint, whose distance is checked
// against the window and whose bytes are compared. A distance could reach beyond the
// start only until the window is full; firstPosition makes empty entries too distant.
type finder struct {
	table [1 << tableBits]uint32
	seqs  [BlockSize/minFound + BlockSize/maxRun + 2]sequence

	origin int // position of the first byte of the stream
}

// firstPosition is the position of the first byte of a stream. It is too far from 0, the
// value of an empty entry, for a match.
const firstPosition = maxDistance + 1

func (f *finder) reset(origin int) {
	clear(f.table[:])
	f.origin = origin
}

// find returns the sequences of the bytes from start to end. They are valid
// until the next call.
func (f *finder) find(buf *buffer, start, end int) []sequence {
	var (
		n       = 0     // sequences
		literal = start // first byte not yet covered by a sequence
		limit   = end - margin
	)
	for i := start; ; {
		var distance int
		i, distance = f.search(buf, i, limit)
		if i > limit {
			return appendLiterals(f.seqs[:n], end-literal)
		}
		candidate := i - distance
		length := buf.commonLength16(candidate, i)
		if length == 16 {
			length += buf.commonLength(candidate+16, i+16, end)
		}
		length = min(length, end-i)
		back := min(buf.commonLengthBefore(candidate, i), i-literal, candidate-f.origin)

		run := i - back - literal
		i += length
		length += back
		literal = i
		if run <= maxRun && length <= maxLength {
			f.seqs[n] = makeSequence(run, length, distance)
			n++
		} else {
			n = len(appendMatch(f.seqs[:n], run, length, distance))
		}
		f.table[hash(buf.load64(i-2))] = uint32(i - 2)
	}
}

// search returns the position of the next match at or after i, and its distance. If
// there is none, it returns a position beyond limit.
//
// It tries two positions of every four, and fewer the longer it finds no match: a match
// found after its beginning is extended backward, and incompressible data (ids, base64)
// is skipped soon. Both positions are looked up before the first branch, since most of
// the time is lost to mispredicted branches.
func (f *finder) search(buf *buffer, i, limit int) (position, distance int) {
	start := i
	for i <= limit {
		v := buf.load64(i)
		h := hash(v)
		distance0 := uint32(i) - f.table[h]
		f.table[h] = uint32(i)
		miss0 := difference(v, buf.load64(i-int(distance0)), distance0)

		v >>= 8
		h = hash(v)
		distance1 := uint32(i+1) - f.table[h]
		f.table[h] = uint32(i + 1)
		miss1 := difference(v, buf.load64(i+1-int(distance1)), distance1)

		if miss0 == 0 {
			return i, int(distance0)
		}
		if miss1 == 0 {
			return i + 1, int(distance1)
		}
		i += 4 + (i-start)>>4
	}
	return i, 0
}

// hash returns a hash of the low minFound bytes of v.
func hash(v uint64) uint64 {
	const prime = 0x9E3779B185EBCA87
	return (v << (64 - 8*minFound)) * prime >> (64 - tableBits)
}

// difference returns 0 if the low minFound bytes of v and candidate are equal and the
// distance is within the window.
func difference(v, candidate uint64, distance uint32) uint64 {
	return (v^candidate)<<(64-8*minFound) | uint64((distance-1)/maxDistance)
}
