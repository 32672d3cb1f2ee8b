package api_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// stall is the stall timeout of these tests.
const stall = 300 * time.Millisecond

func withStall(config *api.Config) { config.StallTimeout = stall }

// TestStalledClient: one that stopped reading is cut off, and its query ends.
func TestStalledClient(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.StallTimeout = 3 * stall }) // even a busy machine looks for readers within that
	b.large(t, largeRows, largeSize)

	for _, target := range []string{"/Patient/$dump", "/Patient/$dump?gzip=true"} {
		_, body := b.begin(t, target)
		require.Len(t, b.readers(t), 1)
		b.requireNoReaders(t)
		_, err := io.Copy(io.Discard, body)
		require.Error(t, err, "what came does not look whole")
	}
	require.NotContains(t, b.Logs.String(), "panic")
}

// TestSlowClient: a client that keeps reading gets everything, even if it takes longer than
// the stall timeout.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	const stall = 5 * stall // even a busy machine takes a piece within that
	b := setup(t, func(config *api.Config) { config.StallTimeout = stall })
	b.large(t, largeRows, largeSize)

	_, body := b.begin(t, "/Patient/$dump")
	const pieces = 48
	begin, lines := time.Now(), 0
	for err := error(nil); err == nil; {
		var piece bytes.Buffer
		_, err = io.CopyN(&piece, body, largeRows*largeSize/pieces)
		require.Contains(t, []error{nil, io.EOF}, err)
		lines += bytes.Count(piece.Bytes(), []byte("\n"))
		<-time.After(3 * stall / pieces) // this is what slow means
	}
	require.Equal(t, largeRows, lines)
	require.Greater(t, time.Since(begin), 2*stall)
}

// TestSlowDatabase: a client that waits for the database is not a stalled one.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()

	t.Run("BeforeTheFirstByte", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withStall)
		b.Documented(t)
		release := b.Hold(t, `LOCK TABLE patient IN ACCESS EXCLUSIVE MODE`)

		wait := b.Later(t, b.Request(t, http.MethodGet, "/Patient/$dump"))
		b.requireReader(t)
		<-time.After(2 * stall)
		release()
		got, err := wait()
		require.NoError(t, err)
		require.Equal(t, apitest.AidboxLines["Patient"], got.Text)
	})

	t.Run("BeforeTheLastByte", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withStall)
		open := b.gate(t)
		b.Exec(t, `ALTER POLICY gate ON patient USING (pass(id) = (id <> 'pt-3'))`) // behind the gate is nothing

		_, body := b.begin(t, "/Patient/$dump")
		<-time.After(2 * stall)
		open()
		all, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, 2, bytes.Count(all, []byte("\n")))
	})
}
