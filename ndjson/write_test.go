package ndjson_test

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// row returns the row of the documented patient.
func row(resource string) *source.Row {
	at := source.Time{Micros: 1623313570707454, Valid: true}
	return &source.Row{ID: []byte("pt-1"), TxID: 481, Changed: at, Created: at, Resource: []byte(resource)}
}

// rows are Rows for tests.
type rows struct {
	next      func() *source.Row // nil at the end
	err       error              // after the last row
	row       *source.Row
	cancelled atomic.Bool
}

func (r *rows) Next() bool {
	if r.cancelled.Load() {
		r.err = context.Canceled
		return false
	}
	r.row = r.next()
	return r.row != nil
}

func (r *rows) Row() *source.Row { return r.row }
func (r *rows) Err() error       { return r.err }
func (r *rows) Cancel()          { r.cancelled.Store(true) }

// once returns a function that returns the row at its first call.
func once(row *source.Row) func() *source.Row {
	return func() *source.Row {
		next := row
		row = nil
		return next
	}
}

// rowsOf returns a row for each of the resources.
func rowsOf(resources ...string) *rows {
	return &rows{next: func() *source.Row {
		if len(resources) == 0 {
			return nil
		}
		next := row(resources[0])
		resources = resources[1:]
		return next
	}}
}

// failing returns a row for each of the resources, followed by the error.
func failing(err error, resources ...string) *rows {
	r := rowsOf(resources...)
	r.err = err
	return r
}

// endless returns rows until it is cancelled.
func endless() *rows {
	return &rows{next: func() *source.Row { return row(`{"text": "endless"}`) }}
}

func write(t *testing.T, rows ndjson.Rows, opts ndjson.Options) (string, ndjson.Result, error) {
	t.Helper()
	var out bytes.Buffer
	result, err := ndjson.Write(t.Context(), &out, "Patient", rows, opts)
	return out.String(), result, err
}

// documents returns small documents and some that are larger than all buffers.
func documents() []string {
	var all []string
	for range 2 {
		for range 2000 {
			all = append(all, `{"text": "`+strings.Repeat("é", 300)+`"}`)
		}
		all = append(all, `{"text": "`+strings.Repeat("x", 1<<20)+`"}`, `{}`)
	}
	return all
}

func TestWriteAll(t *testing.T) {
	t.Parallel()
	all := documents()
	plain, result, err := write(t, rowsOf(all...), ndjson.Options{})
	require.NoError(t, err)
	require.EqualValues(t, len(all), result.Rows)
	require.EqualValues(t, len(strings.Join(all, "")), result.StoredBytes)
	require.EqualValues(t, len(plain), result.PlainBytes)
	require.EqualValues(t, len(plain), result.Bytes)
	require.Equal(t, len(all), strings.Count(plain, "\n"))

	packed, result, err := write(t, rowsOf(all...), ndjson.Options{Gzip: true})
	require.NoError(t, err)
	require.EqualValues(t, len(packed), result.Bytes)
	require.EqualValues(t, len(plain), result.PlainBytes)
	require.Equal(t, plain, unzip(t, packed))
}

func TestWriteNothing(t *testing.T) {
	t.Parallel()
	plain, result, err := write(t, rowsOf(), ndjson.Options{})
	require.NoError(t, err)
	require.Empty(t, plain)
	require.Zero(t, result)

	packed, _, err := write(t, rowsOf(), ndjson.Options{Gzip: true})
	require.NoError(t, err)
	require.Empty(t, unzip(t, packed), "an empty file, but a whole one")
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var rows, stored []int64
	_, result, err := write(t, rowsOf(documents()...), ndjson.Options{Progress: func(r, s int64) {
		rows, stored = append(rows, r), append(stored, s)
	}})
	require.NoError(t, err)
	require.Greater(t, len(rows), 10)
	require.IsIncreasing(t, stored)
	require.Equal(t, result.Rows, rows[len(rows)-1])
	require.Equal(t, result.StoredBytes, stored[len(stored)-1])
}

// A line can be read at the other end even if no other follows: the first line,
// later lines, and with gzip.
func TestEachLineArrives(t *testing.T) {
	t.Parallel()
	for name, gzipped := range map[string]bool{"Plain": false, "Gzip": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, written := io.Pipe()
			seen := make(chan struct{})
			given := 0
			rows := &rows{next: func() *source.Row {
				if given > 0 {
					<-seen
				}
				if given++; given > 5 {
					return nil
				}
				return row(`{}`)
			}}
			ended := make(chan error, 1)
			go func() {
				buffered := bufio.NewWriterSize(written, 1<<20)
				_, err := ndjson.Write(t.Context(), flusher{buffered}, "Patient", rows, ndjson.Options{Gzip: gzipped})
				ended <- errors.Join(err, buffered.Flush(), written.Close())
			}()

			var in io.Reader = read
			if gzipped {
				var err error
				in, err = stdgzip.NewReader(read)
				require.NoError(t, err)
			}
			lines := bufio.NewScanner(in)
			for range 5 {
				require.True(t, lines.Scan())
				require.Contains(t, lines.Text(), `"id": "pt-1"`)
				seen <- struct{}{}
			}
			require.False(t, lines.Scan())
			require.NoError(t, lines.Err())
			require.NoError(t, <-ended)
		})
	}
}

// flusher implements the Flush of http.Flusher.
type flusher struct{ *bufio.Writer }

func (f flusher) Flush() { _ = f.Writer.Flush() }

func unzip(t *testing.T, packed string) string {
	t.Helper()
	reader, err := stdgzip.NewReader(strings.NewReader(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(plain)
}
