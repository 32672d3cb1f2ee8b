package bypatient

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
)

type row struct {
	key   string
	place source.RowAddress
	bytes int64
}

func at(relation int, block uint32, offset uint16) source.RowAddress {
	return source.RowAddress{Relation: relation, TID: source.TID{Page: block, Offset: offset}}
}

func write(t testing.TB, target int64, rows ...row) ([]byte, []indexSection) {
	t.Helper()
	var out bytes.Buffer
	w := newIndexWriter(&out, target)
	for _, r := range rows {
		require.NoError(t, w.add([]byte(r.key), r.place, r.bytes))
	}
	sections, err := w.finish()
	require.NoError(t, err)
	return out.Bytes(), sections
}

func read(t testing.TB, section []byte, relations int) (rows []row, err error) {
	t.Helper()
	r := newIndexReader(bytes.NewReader(section), relations)
	before := "\x00none"
	for {
		next, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		require.True(t, next.first || string(next.key) == before)
		before = string(next.key)
		rows = append(rows, row{string(next.key), next.place, next.bytes})
	}
}

func TestSections(t *testing.T) {
	t.Parallel()
	rows := []row{
		{"", at(0, 0, 1), 7}, // a key of no length
		{"a", at(1, 12, 3), 100}, {"a", at(1, 12, 3), 100}, {"a", at(0, math.MaxUint32, math.MaxUint16), 0},
		{strings.Repeat("long", 100_000), at(2, 1, 1), 1 << 40},
		{"b", at(0, 5, 5), 1},
	}
	for target, want := range map[int64][]int{0: {1, 3, 1, 1}, 8: {4, 1, 1}, 208: {5, 1}, math.MaxInt64: {6}} {
		index, sections := write(t, target, rows...)
		require.Len(t, sections, len(want), target)
		var got []row
		var end int64
		for i, section := range sections {
			require.Equal(t, end, section.Offset)
			end += section.Length
			some, err := read(t, index[section.Offset:end], 3)
			require.NoError(t, err)
			require.Len(t, some, want[i])
			require.EqualValues(t, want[i], section.Rows)
			got = append(got, some...)
		}
		require.EqualValues(t, len(index), end)
		require.Equal(t, rows, got)
	}

	index, sections := write(t, 0)
	require.Empty(t, index)
	require.Empty(t, sections)
}

// A section that lacks its end, or any other byte, is rejected.
func TestBrokenIndex(t *testing.T) {
	t.Parallel()
	index, _ := write(t, math.MaxInt64, row{"key", at(1, 300, 2), 1000}, row{"other", at(0, 1, 1), 5})
	for end := range index {
		_, err := read(t, index[:end], 2)
		require.ErrorIs(t, err, errBrokenIndex, end)
	}
	_, err := read(t, index, 1)
	require.ErrorIs(t, err, errBrokenIndex, "there is no such relation")
	for _, section := range []string{"", "x", "r\x00\x00\x00\x00.", "k\x01a.", "k\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"} {
		_, err := read(t, []byte(section), 1)
		require.ErrorIs(t, err, errBrokenIndex, "%q", section)
	}
}

func TestIndexWriterFails(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("full")
	w := newIndexWriter(failing{full}, 1)
	require.NoError(t, w.add([]byte("a"), at(0, 0, 1), 1))
	_, err := w.finish()
	require.ErrorIs(t, err, full)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzIndexReader(f *testing.F) {
	index, _ := write(f, math.MaxInt64, row{"key", at(1, 300, 2), 1000}, row{"other", at(0, 1, 1), 5})
	f.Add(index)
	f.Fuzz(func(t *testing.T, section []byte) {
		rows, err := read(t, section, 3)
		if err != nil {
			require.ErrorIs(t, err, errBrokenIndex)
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
