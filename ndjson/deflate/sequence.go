package deflate

// A sequence is a run of literals followed by a match, packed into 32 bits so that all
// sequences of a block stay in the second-level cache:
//
//	bits 31-23  number of literals
//	bits 22-15  match length - minLength; 0 means that there is no match
//	bits 14-0   match distance - 1
//
// The literals are not copied: they are the next bytes of the input. Matches of
// minLength do not pay, so 0 can stand for no match.
type sequence uint32

const (
	minLength   = 3       // RFC 1951, section 3.2.5
	maxLength   = 258     // RFC 1951, section 3.2.5
	maxDistance = 1 << 15 // RFC 1951, section 2

	maxRun = 1<<9 - 1
)

func makeSequence(literals, length, distance int) sequence {
	return sequence(literals<<23 | (length-minLength)<<15 | (distance - 1))
}

func (s sequence) literals() int { return int(s >> 23) }

// lengthIndex is the match length - minLength, or 0.
func (s sequence) lengthIndex() uint8 { return uint8(s >> 15) }

// distanceIndex is the match distance - 1.
func (s sequence) distanceIndex() uint32 { return uint32(s) & (maxDistance - 1) }

// size is the number of input bytes of the sequence.
func (s sequence) size() int {
	if s.lengthIndex() == 0 {
		return s.literals()
	}
	return s.literals() + int(s.lengthIndex()) + minLength
}

// appendMatch appends literals and a match longer than minLength, in as many sequences
// as necessary.
func appendMatch(seqs []sequence, literals, length, distance int) []sequence {
	if literals > maxRun {
		seqs = appendLiterals(seqs, literals)
		literals = 0
	}
	for length > maxLength {
		piece := maxLength
		if length <= maxLength+minLength {
			piece -= minLength // leave enough for the last one
		}
		seqs = append(seqs, makeSequence(literals, piece, distance))
		literals = 0
		length -= piece
	}
	return append(seqs, makeSequence(literals, length, distance))
}

// appendLiterals appends literals only.
func appendLiterals(seqs []sequence, literals int) []sequence {
	for literals > 0 {
		piece := min(literals, maxRun)
		seqs = append(seqs, makeSequence(piece, minLength, 1))
		literals -= piece
	}
	return seqs
}
