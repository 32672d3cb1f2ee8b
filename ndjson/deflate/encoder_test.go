package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// end is an empty block that is marked as the last.
var end = []byte{3, 0}

// requireRead compresses text in pieces of random sizes, with flushes at random
// positions, and reads it with the standard library: after each flush everything up to
// it, without anything that follows.
func requireRead(t testing.TB, e *Encoder, random *rand.Rand, text []byte) {
	t.Helper()
	var stream bytes.Buffer // a ByteReader, so that nothing is read ahead
	reader := flate.NewReader(&stream)
	read := func(want []byte) {
		got := make([]byte, len(want))
		_, err := io.ReadFull(reader, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "what was read differs")
	}

	pending := 0 // since the last flush
	for rest := text; len(rest) > 0; {
		n := 1 + random.IntN(len(rest))
		stream.Write(e.Append(nil, rest[:n]))
		rest, pending = rest[n:], pending+n
		if random.IntN(3) == 0 || len(rest) == 0 {
			flushed := e.Flush(nil)
			require.Equal(t, []byte{0, 0, 0xFF, 0xFF}, flushed[len(flushed)-4:], "an empty stored block")
			stream.Write(flushed)
			read(text[len(text)-len(rest)-pending : len(text)-len(rest)])
			pending = 0
		}
	}
	stream.Write(e.Flush(nil))
	stream.Write(end)
	more, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Empty(t, more)
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	e := NewEncoder()
	for i := range 2000 {
		text := sample(random)
		e.Reset()
		if i%3 == 0 { // positions come to exceed 32 bits, of which the table has the lowest
			e.reset(1<<32 - random.IntN(len(text)+1))
		}
		requireRead(t, e, random, text)
	}
}

func TestSpecialInputs(t *testing.T) {
	t.Parallel()
	inputs := [][]byte{nil, {0}, []byte("ab"), bytes.Repeat([]byte("x"), 3<<20)}
	for n := range 600 { // around the longest match and the longest run
		inputs = append(inputs, bytes.Repeat([]byte("y"), n), bytes.Repeat([]byte("abc"), n), everyByte(n))
	}
	for n := -20; n <= 20; n++ { // around the end of a block and of the buffer
		inputs = append(inputs, bytes.Repeat([]byte("0123456789"), (BlockSize+n)/10), skewed(bufferSize+n))
	}
	random := rand.New(rand.NewPCG(3, 4))
	e := NewEncoder()
	for _, input := range inputs {
		e.Reset()
		requireRead(t, e, random, input)
	}
}

// Incompressible data is stored.
func TestNoise(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	input := make([]byte, 2<<20)
	for i := range input {
		input[i] = byte(random.Uint32())
	}
	e := NewEncoder()
	require.Less(t, len(e.Flush(e.Append(nil, input))), len(input)+len(input)/1000)
	e.Reset()
	requireRead(t, e, random, input)
}

// Lines like those of an export become smaller than with the library's fastest level.
// Other text may not.
func TestSize(t *testing.T) {
	t.Parallel()
	lines := ndjson(4 << 20)
	var theirs bytes.Buffer
	w, err := flate.NewWriter(&theirs, 1)
	require.NoError(t, err)
	_, err = w.Write(lines)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, len(NewEncoder().Append(nil, lines)), theirs.Len())
}

func TestAllocations(t *testing.T) { // not parallel: AllocsPerRun counts all goroutines
	lines := ndjson(1 << 20)
	e, out := NewEncoder(), make([]byte, 0, len(lines))
	require.Zero(t, testing.AllocsPerRun(5, func() {
		e.Reset()
		e.Flush(e.Append(out, lines))
	}))
}

// FuzzEncoder checks that any text, in any pieces, is read as it was.
func FuzzEncoder(f *testing.F) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(sample(random), uint64(1), uint16(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, times uint16) {
		random := rand.New(rand.NewPCG(seed, 0))
		all := bytes.Clone(text)
		for range times % 64 { // the corpus has short texts
			all = append(append(all, byte(random.Uint32())), text[random.IntN(len(text)+1):]...)
		}
		all = all[:min(len(all), 1<<20)]
		e := NewEncoder()
		if random.IntN(2) == 0 {
			e.reset(1<<32 - random.IntN(len(all)+1))
		}
		requireRead(t, e, random, all)
	})
}
