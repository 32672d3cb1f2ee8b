package jsonbtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// RandomText returns a random JSON text of at most this depth, which PostgreSQL
// accepts as jsonb. It has what is rare in FHIR: every escape, members with equal names,
// numbers of every size, and containers of about 32, 64 and 96 children, where the
// stored form has offsets.
func RandomText(r *rand.Rand, depth int) string {
	kind := r.IntN(9)
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		return []string{"true", "false", "null"}[r.IntN(3)]
	case 1, 2:
		return randomNumber(r)
	case 3, 4, 5:
		return randomString(r)
	case 6:
		return "[" + randomChildren(r, depth, func() string { return "" }) + "]"
	}
	return "{" + randomChildren(r, depth, func() string { return randomString(r) + ": " }) + "}"
}

// randomChildren returns children with what name returns before them: a few of any
// depth, or many scalars.
func randomChildren(r *rand.Rand, depth int, name func() string) string {
	count := r.IntN(6)
	if depth == 1 || r.IntN(8) == 0 {
		depth = 1
		count = max(0, []int{0, 8, 16, 32, 64, 96}[r.IntN(6)]+r.IntN(7)-3)
	}
	children := make([]string, count)
	for i := range children {
		children[i] = name() + RandomText(r, depth-1)
	}
	return strings.Join(children, ",")
}

// randomNumber returns a number. Most are short.
func randomNumber(r *rand.Rand) string {
	sign := []string{"", "-"}[r.IntN(2)]
	switch r.IntN(12) {
	case 0:
		return sign + randomDigits(r, 60) + "." + fmt.Sprintf("%0*d", 1+r.IntN(60), r.IntN(3))
	case 1:
		return sign + randomDigits(r, 20) + fmt.Sprintf("E%+d", r.IntN(600)-300)
	case 2:
		return sign + "0." + strings.Repeat("0", r.IntN(20)) + fmt.Sprint(r.IntN(100))
	case 3:
		return sign + "1" + strings.Repeat("0", r.IntN(30))
	case 4:
		return sign + fmt.Sprintf("%.*f", r.IntN(12), r.Float64()*1e6)
	}
	whole := fmt.Sprint(r.Int64N(1 << r.IntN(40)))
	if r.IntN(2) == 0 {
		return sign + whole
	}
	return sign + whole + fmt.Sprintf(".%0*d", 1+r.IntN(3), r.IntN(10))
}

// randomDigits returns at most this many digits, without a leading zero.
func randomDigits(r *rand.Rand, limit int) string {
	digits := []byte{byte('1' + r.IntN(9))}
	for range r.IntN(limit) {
		digits = append(digits, byte('0'+r.IntN(10)*r.IntN(2)))
	}
	return string(digits)
}

// randomString returns a string in quotes. Half of the strings need no escapes.
func randomString(r *rand.Rand) string {
	escapes := []string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u007f`, "\x7f", "é", "日", "😀", `\ud83d\ude00`}
	plain := r.IntN(2) == 0
	var b strings.Builder
	for range r.IntN(1 << r.IntN(7)) {
		switch n := r.IntN(20); {
		case plain || n > 1:
			b.WriteByte(byte('a' + r.IntN(26)))
		case n == 1:
			fmt.Fprintf(&b, `\u%04x`, 1+r.IntN(0x200))
		default:
			b.WriteString(escapes[r.IntN(len(escapes))])
		}
	}
	return `"` + b.String() + `"`
}
