package patientindex_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/worker/patientindex"
)

type row struct {
	key   string
	place source.RowAddress
	bytes int64
}

func at(relation int, block uint32, offset uint16) source.RowAddress {
	return source.RowAddress{Relation: relation, TID: source.TID{Page: block, Offset: offset}}
}

func write(t testing.TB, target int64, rows ...row) ([]byte, []patientindex.Share) {
	t.Helper()
	var out bytes.Buffer
	w := patientindex.NewWriter(&out, target)
	for _, r := range rows {
		require.NoError(t, w.Add([]byte(r.key), r.place, r.bytes))
	}
	shares, err := w.Finish()
	require.NoError(t, err)
	return out.Bytes(), shares
}

func read(t testing.TB, share []byte, relations int) (rows []row, err error) {
	t.Helper()
	r := patientindex.NewReader(bytes.NewReader(share), relations)
	before := "\x00none"
	for {
		next, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		require.True(t, next.First || string(next.Key) == before)
		before = string(next.Key)
		rows = append(rows, row{string(next.Key), next.Place, next.Bytes})
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	rows := []row{
		{"", at(0, 0, 1), 7}, // a key of no length
		{"a", at(1, 12, 3), 100}, {"a", at(1, 12, 3), 100}, {"a", at(0, math.MaxUint32, math.MaxUint16), 0},
		{strings.Repeat("long", 100_000), at(2, 1, 1), 1 << 40},
		{"b", at(0, 5, 5), 1},
	}
	for target, want := range map[int64][]int{0: {1, 3, 1, 1}, 8: {4, 1, 1}, 208: {5, 1}, math.MaxInt64: {6}} {
		index, shares := write(t, target, rows...)
		require.Len(t, shares, len(want), target)
		var got []row
		var end int64
		for i, share := range shares {
			require.Equal(t, end, share.Offset)
			end += share.Length
			some, err := read(t, index[share.Offset:end], 3)
			require.NoError(t, err)
			require.Len(t, some, want[i])
			require.EqualValues(t, want[i], share.Rows)
			got = append(got, some...)
		}
		require.EqualValues(t, len(index), end)
		require.Equal(t, rows, got)
	}

	index, shares := write(t, 0)
	require.Empty(t, index)
	require.Empty(t, shares)
}

// A share that lacks its end, or any other byte of it, is no share.
func TestBroken(t *testing.T) {
	t.Parallel()
	index, _ := write(t, math.MaxInt64, row{"key", at(1, 300, 2), 1000}, row{"other", at(0, 1, 1), 5})
	for end := range index {
		_, err := read(t, index[:end], 2)
		require.ErrorIs(t, err, patientindex.ErrBroken, end)
	}
	_, err := read(t, index, 1)
	require.ErrorIs(t, err, patientindex.ErrBroken, "there is no such relation")
	for _, share := range []string{"", "x", "r\x00\x00\x00\x00.", "k\x01a.", "k\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"} {
		_, err := read(t, []byte(share), 1)
		require.ErrorIs(t, err, patientindex.ErrBroken, "%q", share)
	}
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("full")
	w := patientindex.NewWriter(failing{full}, 1)
	require.NoError(t, w.Add([]byte("a"), at(0, 0, 1), 1))
	_, err := w.Finish()
	require.ErrorIs(t, err, full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzReader(f *testing.F) {
	index, _ := write(f, math.MaxInt64, row{"key", at(1, 300, 2), 1000}, row{"other", at(0, 1, 1), 5})
	f.Add(index)
	f.Fuzz(func(t *testing.T, share []byte) {
		rows, err := read(t, share, 3)
		if err != nil {
			require.ErrorIs(t, err, patientindex.ErrBroken)
			return
		}
		if len(rows) == 0 {
			return
		}
		again, _ := write(t, math.MaxInt64, rows...)
		same, err := read(t, again, 3)
		require.NoError(t, err)
		require.Equal(t, rows, same)
	})
}
