package ndjson_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

var errBroken = errors.New("broken")

// An incomplete dump cannot be mistaken for a complete one.
func TestReadFails(t *testing.T) {
	t.Parallel()
	for _, resources := range [][]string{nil, {`{}`}, documents()} {
		packed, result, err := write(t, failing(errBroken, resources...), ndjson.Options{Gzip: true})
		require.ErrorIs(t, err, errBroken)
		require.ErrorContains(t, err, "ndjson: read Patient: ")
		require.EqualValues(t, len(resources), result.Rows)

		reader, err := stdgzip.NewReader(bytes.NewReader([]byte(packed)))
		if err == nil {
			_, err = io.Copy(io.Discard, reader)
		}
		require.Error(t, err)
	}
}

// A resource whose stored form is malformed ends every kind of output with an error that
// names the row. A dump of several readers ends, too.
func TestMalformedResource(t *testing.T) {
	t.Parallel()
	stored := func(document []byte) *source.Row {
		row := row("")
		row.Resource, row.Stored = document, true
		return row
	}
	broken := func() *rows {
		all := []*source.Row{stored([]byte("secret")), stored(jsonbtest.Encode([]byte(`{"active": true}`)))}
		return &rows{next: func() (next *source.Row) {
			if last := len(all) - 1; last >= 0 {
				next, all = all[last], all[:last]
			}
			return next
		}}
	}
	fhirFormat := ndjson.Options{Format: ndjson.Format{FHIR: true}}
	for name, output := range map[string]func() (ndjson.Result, error){
		"Aidbox": func() (ndjson.Result, error) {
			return ndjson.Write(t.Context(), io.Discard, "Patient", broken(), ndjson.Options{})
		},
		"FHIR": func() (ndjson.Result, error) {
			return ndjson.Write(t.Context(), io.Discard, "Patient", broken(), fhirFormat)
		},
		"Files": func() (ndjson.Result, error) {
			var out many
			result, _, err := ndjson.WriteFiles(t.Context(), out.next, "Patient", broken(), ndjson.Options{Gzip: true})
			return result, err
		},
		"PatientBlocks": func() (ndjson.Result, error) {
			var out many
			result, _, err := writePatientBlocks(t, out.next, func(to *ndjson.PatientBlockWriter) error {
				rows, err := broken(), to.Begin([]byte("pt-1"), 0)
				for err == nil && rows.Next() {
					err = to.Row("Patient", rows.Row())
				}
				return err
			}, ndjson.PatientBlockOptions{Type: "Patient", Options: fhirFormat})
			return result, err
		},
		"Parallel": func() (ndjson.Result, error) {
			return ndjson.WriteParallel(t.Context(), io.Discard, "Patient", []*rows{endless(), broken()}, ndjson.Options{Gzip: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := output()
			var malformed *source.MalformedError
			require.ErrorAs(t, err, &malformed)
			require.Equal(t, "pt-1", malformed.ID)
			require.NotContains(t, err.Error(), "secret")
			require.Positive(t, result.Rows, "the row before it was written")
		})
	}
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	for name, gzipped := range map[string]bool{"Plain": false, "Gzip": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, limit := range []int{0, 1, 100_000} {
				result, err := ndjson.Write(t.Context(), &brokenWriter{limit}, "Patient", endless(), ndjson.Options{Gzip: gzipped})
				require.ErrorIs(t, err, errBroken)
				require.ErrorContains(t, err, "ndjson: write Patient: ")
				require.EqualValues(t, limit, result.Bytes)
			}
		})
	}
}

// brokenWriter fails after a number of bytes.
type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, errBroken
	}
	return n, nil
}

// The error is the cause of the cancellation.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	read, written := io.Pipe()
	go func() {
		_, _ = io.CopyN(io.Discard, read, 1<<20)
		cancel(errBroken)
		_, _ = io.Copy(io.Discard, read)
	}()
	_, err := ndjson.Write(ctx, written, "Patient", endless(), ndjson.Options{})
	require.ErrorIs(t, err, errBroken)
	require.NoError(t, written.Close())
}

// While the writer is blocked, the reader fills the buffers and waits. The end of
// ctx stops it.
func TestStuckWriter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stuck := stuckWriter{enter: cancel, leave: make(chan struct{})}
	read := 0
	rows := &rows{next: func() *source.Row {
		if read++; read > 100_000 {
			return nil
		}
		return row(`{"text": "endless"}`)
	}, err: errors.New("the reader was not held back")}
	go func() {
		<-ctx.Done()
		close(stuck.leave)
	}()
	_, err := ndjson.Write(ctx, stuck, "Patient", rows, ndjson.Options{})
	require.ErrorIs(t, err, context.Canceled, "not the error of a reader that was not held back")
}

// stuckWriter calls enter in Write and then waits for leave.
type stuckWriter struct {
	enter func()
	leave chan struct{}
}

func (w stuckWriter) Write(p []byte) (int, error) {
	w.enter()
	<-w.leave
	return len(p), nil
}

// A panic while rows are read reaches the caller and leaves no goroutine running.
func TestPanic(t *testing.T) {
	t.Parallel()
	panics := func() *rows { return &rows{next: func() *source.Row { panic("row") }} }
	require.PanicsWithValue(t, "row", func() { _, _, _ = write(t, panics(), ndjson.Options{}) })
	require.PanicsWithValue(t, "row", func() {
		_, _ = ndjson.WriteParallel(t.Context(), io.Discard, "Patient", []*rows{endless(), panics()}, ndjson.Options{})
	})
}
