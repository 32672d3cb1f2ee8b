package ndjson_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
)

// one returns w for the first file and fails for a second one.
func one(w io.Writer) ndjson.NextFunc {
	return func(context.Context) (io.Writer, error) {
		next := w
		w = nil
		if next == nil {
			return nil, errors.New("one file was to be enough")
		}
		return next, nil
	}
}

// many collects the files.
type many struct{ files []*bytes.Buffer }

func (m *many) next(context.Context) (io.Writer, error) {
	m.files = append(m.files, &bytes.Buffer{})
	return m.files[len(m.files)-1], nil
}

// With any limit, the files contain all lines in order. Each is as full as possible,
// and exceeds the limit only with a single line.
func TestWriteFiles(t *testing.T) {
	t.Parallel()
	all := documents()
	whole, _, err := write(t, rowsOf(all...), ndjson.Options{})
	require.NoError(t, err)
	line := int64(strings.IndexByte(whole, '\n') + 1)

	for _, limit := range []int64{0, 1, line - 1, line, line + 1, 10*line - 1, 10 * line, 64 << 10, 1<<20 + 1000, int64(len(whole)) - 1, int64(len(whole))} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			var out many
			result, files, err := ndjson.WriteFiles(t.Context(), out.next, "Patient", rowsOf(all...), ndjson.Options{Gzip: true, MaxFileBytes: limit})
			require.NoError(t, err)
			require.Len(t, files, len(out.files))

			var together strings.Builder
			for i, file := range files {
				packed := out.files[i].Bytes()
				text := unpack(t, packed)
				together.WriteString(text)
				require.EqualValues(t, len(packed), file.Bytes)
				require.EqualValues(t, len(text), file.PlainBytes)
				require.EqualValues(t, strings.Count(text, "\n"), file.Rows)
				require.EqualValues(t, longestLine(text), file.MaxLineBytes)
				require.True(t, strings.HasSuffix(text, "\n"))
				if limit == 0 {
					continue
				}
				if file.PlainBytes > limit {
					require.EqualValues(t, 1, file.Rows)
				}
				next := whole[together.Len():]
				if next != "" {
					require.Greater(t, file.PlainBytes+int64(strings.IndexByte(next, '\n')+1), limit, "there was room for more")
				}
			}
			require.Equal(t, whole, together.String())
			require.EqualValues(t, len(whole), result.PlainBytes)
			if limit == 0 || limit == int64(len(whole)) {
				require.Len(t, files, 1)
			}
		})
	}
}

// longestLine returns the length of the longest line, without its line feed.
func longestLine(text string) (length int) {
	for line := range strings.SplitSeq(text, "\n") {
		length = max(length, len(line))
	}
	return length
}

// unpack decompresses a file of one gzip member.
func unpack(t *testing.T, packed []byte) string {
	t.Helper()
	reader, err := stdgzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	reader.Multistream(false)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(text)
}

func TestWriteFilesOfNothing(t *testing.T) {
	t.Parallel()
	var out many
	_, files, err := ndjson.WriteFiles(t.Context(), out.next, "Patient", rowsOf(), ndjson.Options{Gzip: true})
	require.NoError(t, err)
	require.Empty(t, files)
	require.Empty(t, out.files)
}

// After a failure all files are complete except the last, which cannot be mistaken
// for a complete one.
func TestWriteFilesFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	var out many
	rows := failing(lost, documents()...)
	_, files, err := ndjson.WriteFiles(t.Context(), out.next, "Patient", rows, ndjson.Options{Gzip: true, MaxFileBytes: 100 << 10})
	require.ErrorIs(t, err, lost)
	require.Len(t, out.files, len(files)+1)
	for i := range files {
		unpack(t, out.files[i].Bytes())
	}

	full := errors.New("no room for another file")
	_, files, err = ndjson.WriteFiles(t.Context(), func(context.Context) (io.Writer, error) { return nil, full }, "Patient", endless(), ndjson.Options{})
	require.ErrorIs(t, err, full)
	require.Empty(t, files)
}
