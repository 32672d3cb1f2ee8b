package table

import (
	"encoding/base64"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/view"
)

// TestLostRows: a file whose footer has another number of rows than were written, or whose
// row groups end elsewhere, is not completed.
func TestLostRows(t *testing.T) {
	c, err := newColumn(view.Column{Name: "n", Type: "integer", SQL: view.SQLType{Kind: view.Integer}})
	require.NoError(t, err)
	file := func() *parquetFile {
		f := newParquet(io.Discard, []column{c}, Metadata{})
		b := f.newBuffer()
		require.NoError(t, b.append([]view.Cell{{Kind: view.NumberCell, Text: []byte("1")}}))
		require.NoError(t, f.write(b))
		return f
	}
	require.NoError(t, file().close(1))
	require.EqualError(t, file().close(2), "the footer has 1 rows, but 2 were written")

	short := file()
	require.NoError(t, short.flush())
	short.out.written--
	require.ErrorContains(t, short.close(1), "the row groups end at byte")
}

// FuzzBase64 compares with the standard library.
func FuzzBase64(f *testing.F) {
	for _, seed := range []string{"", "AA==", "AAA=", "AAAA", "A", "AA=A", "A A=\n=", "====", "AB==", "-_", "AAAA=", "AAAAA==="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(text))
		problem := checkBase64([]byte(text))
		require.Equal(t, err != nil, problem != "", text)
		if err == nil {
			assert.Equal(t, append([]byte("x"), want...), appendBinary([]byte("x"), []byte(text)))
		}
	})
}

// FuzzDecimal compares with rational numbers of the standard library.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"0", "-0.0", "1", "10", "1.50", "-123456789012345678901234567890.12345678", "1e3", "1E-3", "1.5e+1", "0.001e2",
		"99999999999999999999999999999999999999", "1.", ".1", "1e", "--1", "1.2.3", "100e-2", "0e99", "00.10"} {
		f.Add(seed, uint8(38), uint8(8))
		f.Add(seed, uint8(5), uint8(2))
		f.Add(seed, uint8(19), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, p, s uint8) {
		precision := int(p)%maxPrecision + 1
		scale := int(s) % (precision + 1)
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 5 || len(text) > 100 {
			return
		}
		got, problem := parseDecimal([]byte(text), precision, scale)
		n, ok := parseNumber([]byte(text))
		value, valid := new(big.Rat).SetString(text)
		if !ok {
			require.NotEmpty(t, problem)
			return // big.Rat accepts more, such as fractions
		}
		require.True(t, valid, text)
		assert.Equal(t, value.Sign() < 0, n.minus && len(n.digits) > 0)

		value.Mul(value, new(big.Rat).SetInt(power(scale)))
		fits := value.IsInt() && new(big.Int).Abs(value.Num()).Cmp(power(precision)) < 0
		require.Equal(t, fits, problem == "", "%s as DECIMAL(%d,%d): %s", text, precision, scale, problem)
		if fits {
			unscaled := new(big.Int).Lsh(big.NewInt(got.high), 64)
			assert.Zero(t, value.Num().Cmp(unscaled.Add(unscaled, new(big.Int).SetUint64(got.low))), "%s: %v", text, got)
		}
		if plain, ok := plainInteger([]byte(text)); ok {
			assert.Equal(t, text, big.NewInt(plain).String())
		}
	})
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
