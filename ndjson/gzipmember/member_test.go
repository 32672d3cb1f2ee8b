package gzipmember

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson/deflate"
)

// texts returns compressible and incompressible texts of sizes around those at which
// they are split.
func texts() [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3*deflate.BlockSize+1)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	all := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("abcdefgh "), 1<<17), noise, append(bytes.Repeat([]byte("x"), deflate.BlockSize/2), noise...)}
	for _, n := range []int{deflate.BlockSize - 1, deflate.BlockSize, deflate.BlockSize + 1} {
		all = append(all, bytes.Repeat([]byte("y"), n), noise[:n])
	}
	return all
}

// A member holds the texts of several compressors one after another, in whichever
// way they were compressed.
func TestMember(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	member, first, second := NewWriter(&out), NewCompressor(), NewCompressor()
	write := func(p Piece) { require.NoError(t, member.Write(p)) }
	var want []byte
	for _, text := range texts() {
		want = append(append(append(want, text...), text...), text...)
		first.Reset()
		write(first.Append([]byte("before"), text).after(6))
		write(first.Append(nil, text))
		second.Reset()
		write(second.Replace(bytes.Clone(text)))
	}
	require.NoError(t, member.Close())

	reader, err := gzip.NewReader(&out)
	require.NoError(t, err)
	reader.Multistream(false)
	got, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.Zero(t, out.Len())
}

// after returns the piece without the first n bytes of its data.
func (p Piece) after(n int) Piece {
	p.Data = p.Data[n:]
	return p
}

// A member that was not closed is not complete.
func TestMemberNotClosed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, NewWriter(&out).Write(NewCompressor().Append(nil, []byte("text"))))
	reader, err := gzip.NewReader(&out)
	require.NoError(t, err)
	_, err = io.ReadAll(reader)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Text is replaced in its own memory.
func TestReplaceAllocatesNothing(t *testing.T) { // not parallel: AllocsPerRun counts all goroutines
	text := bytes.Repeat([]byte("abcdefgh "), 1<<17)
	work, c := make([]byte, len(text), len(text)+100), NewCompressor()
	require.Zero(t, testing.AllocsPerRun(3, func() {
		copy(work, text)
		c.Reset()
		c.Replace(work)
	}))
}
