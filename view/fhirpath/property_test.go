package fhirpath_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// pair evaluates expressions on two values, which are named a and b.
type pair struct {
	t         testing.TB
	evaluator *fhirpath.Evaluator
	compiled  map[string]*fhirpath.Expression
}

func newPair(t testing.TB) *pair {
	return &pair{t, fhirpath.NewEvaluator(fhir.R4()), map[string]*fhirpath.Expression{}}
}

// evaluate returns the text of the result; empty if there is none.
func (p *pair) evaluate(operator, kind, a, b string) string {
	p.t.Helper()
	value := ".value.ofType(" + kind + ")"
	expression := "extension('a')" + value + operator + "extension('b')" + value
	x := p.compiled[expression]
	if x == nil {
		var err error
		x, err = fhirpath.Compile(expression, patientScope())
		require.NoError(p.t, err)
		p.compiled[expression] = x
	}
	key := "value" + strings.ToUpper(kind[:1]) + kind[1:]
	p.evaluator.Reset("Patient", indexed(fmt.Appendf(nil, `{"extension":[{"url":"a","%s":%s},{"url":"b","%s":%s}]}`, key, a, key, b)))
	items, err := p.evaluator.Append(nil, x, p.evaluator.Root(), 0)
	require.NoError(p.t, err)
	if len(items) == 0 {
		return ""
	}
	require.Len(p.t, items, 1)
	return string(p.evaluator.Text(items[0]))
}

// TestNumbersAsRational compares comparisons and arithmetic with math/big.
func TestNumbersAsRational(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	number := func() string {
		text := fmt.Sprint(random.Uint64() >> random.IntN(64))
		if random.IntN(3) > 0 {
			text += "." + strings.Repeat("0", random.IntN(3)) + fmt.Sprint(random.Uint64()>>random.IntN(64))
		}
		if random.IntN(8) == 0 {
			text += fmt.Sprintf("e%+d", random.IntN(40)-20)
		}
		if random.IntN(2) == 0 {
			text = "-" + text
		}
		if random.IntN(10) == 0 {
			text = []string{"0", "-0", "0.00", "1", "1.0", "0e5", "10e-1"}[random.IntN(7)]
		}
		return text
	}
	p := newPair(t)
	for range 5000 {
		a, b := number(), number()
		if random.IntN(10) == 0 {
			b = a + "0"
			if !strings.ContainsAny(a, ".") || strings.Contains(a, "e") {
				b = a
			}
		}
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		require.True(t, okX && okY)
		for operator, want := range map[string]bool{"=": x.Cmp(y) == 0, "<": x.Cmp(y) < 0, "<=": x.Cmp(y) <= 0, ">": x.Cmp(y) > 0} {
			require.Equal(t, fmt.Sprint(want), p.evaluate(operator, "decimal", a, b), "%s %s %s", a, operator, b)
		}
		for operator, want := range map[string]*big.Rat{"+": new(big.Rat).Add(x, y), "-": new(big.Rat).Sub(x, y), "*": new(big.Rat).Mul(x, y)} {
			text := p.evaluate(operator, "decimal", a, b)
			require.True(t, json.Valid([]byte(text)), text)
			got, ok := new(big.Rat).SetString(text)
			require.True(t, ok, text)
			require.Zero(t, got.Cmp(want), "%s %s %s = %s", a, operator, b, text)
		}
		if y.Sign() == 0 {
			require.Empty(t, p.evaluate("/", "decimal", a, b))
			continue
		}
		quotient := p.evaluate("/", "decimal", a, b)
		got, ok := new(big.Rat).SetString(quotient)
		require.True(t, ok, "%s / %s = %q", a, b, quotient)
		want, _ := new(big.Rat).SetString(new(big.Rat).Quo(x, y).FloatString(16))
		require.Zero(t, got.Cmp(want), "%s / %s = %s", a, b, quotient)
	}
}

// TestIntegersAsBig compares the arithmetic of Integers with math/big: 32 bits, else empty.
func TestIntegersAsBig(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	p := newPair(t)
	for range 3000 {
		a, b := int64(int32(random.Uint32()))>>random.IntN(32), int64(int32(random.Uint32()))>>random.IntN(32)
		for operator, want := range map[string]int64{"+": a + b, "-": a - b, "*": a * b} {
			text := fmt.Sprint(want)
			if want != int64(int32(want)) {
				text = ""
			}
			require.Equal(t, text, p.evaluate(operator, "integer", fmt.Sprint(a), fmt.Sprint(b)), "%d %s %d", a, operator, b)
		}
	}
}

// TestInstantsAsTime compares instants with package time.
func TestInstantsAsTime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	instant := func() (time.Time, string) {
		zone := time.FixedZone("", 60*(15*random.IntN(104)-12*60))
		at := time.Date(2019+random.IntN(3), time.Month([]int{1, 2, 3, 12}[random.IntN(4)]), []int{1, 28, 29, 31}[random.IntN(4)], random.IntN(24), random.IntN(60), random.IntN(2), 0, zone)
		return at, at.Format(`"2006-01-02T15:04:05Z07:00"`)
	}
	p := newPair(t)
	for range 5000 {
		a, textA := instant()
		b, textB := instant()
		if random.IntN(3) == 0 {
			b = a.In(b.Location())
			textB = b.Format(`"2006-01-02T15:04:05Z07:00"`)
		}
		require.Equal(t, fmt.Sprint(a.Equal(b)), p.evaluate("=", "instant", textA, textB), "%s = %s", textA, textB)
		require.Equal(t, fmt.Sprint(a.Before(b)), p.evaluate("<", "instant", textA, textB), "%s < %s", textA, textB)
	}
}

// FuzzText compares decoded strings with encoding/json.
func FuzzText(f *testing.F) {
	for _, text := range []string{``, `a`, `\n\t\r\b\f\"\\\/`, `\u00e9\ud83d\ude00`, `\ud800`, `\u00e9ab12`, `\ud800\u0041`, `\udc00x`, `\u0000`, "é\u2028", `\uFFFF\uabCD`} {
		f.Add(text)
	}
	x, err := fhirpath.Compile(`id`, patientScope())
	require.NoError(f, err)
	e := fhirpath.NewEvaluator(fhir.R4())
	f.Fuzz(func(t *testing.T, text string) {
		resource := []byte(`{"id":"` + text + `"}`)
		var want string
		if !utf8.ValidString(text) || json.Unmarshal(resource[len(`{"id":`):len(resource)-1], &want) != nil {
			return
		}
		e.Reset("Patient", indexed(resource))
		items, err := e.Append(nil, x, e.Root(), 0)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, want, string(e.Text(items[0])))
	})
}
