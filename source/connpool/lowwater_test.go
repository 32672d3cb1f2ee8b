package connpool

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aLongTime is more than any read of these tests has to wait, and less than go
// test does.
const aLongTime = time.Minute

// lowWaterPair returns both ends of a TCP connection, the first as scans have it.
func lowWaterPair(t *testing.T) (reader, sender net.Conn) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })

	dial := lowWaterDial((&net.Dialer{}).DialContext)
	reader, err = dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	sender, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sender.Close() })
	return reader, sender
}

// receive reads n bytes, in pieces, while they are sent in pieces of 8 KiB.
func receive(t *testing.T, reader, sender net.Conn, n int) {
	t.Helper()
	go func() {
		piece := make([]byte, 8<<10)
		for left := n; left > 0; left -= len(piece) {
			piece = piece[:min(left, len(piece))]
			if _, err := sender.Write(piece); err != nil {
				return
			}
		}
	}()
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(aLongTime)))
	buf := make([]byte, readBuffer)
	for got := 0; got < n; {
		m, err := reader.Read(buf[:min(len(buf), n-got)])
		require.NoError(t, err)
		got += m
	}
}

// What comes after a long flow, however little, is not kept back.
func TestGatherRest(t *testing.T) {
	t.Parallel()
	reader, sender := lowWaterPair(t)
	for _, n := range []int{4*lowWaterAfter + 1, 1, 5, lowWaterAfter, lowWaterBytes - 1, 3 * lowWaterAfter, 1} {
		receive(t, reader, sender, n)
	}
}

// A deadline that passes, and one that is set while a read waits, end it as
// without lowWaterDial, and a later one lets it go on.
func TestGatherDeadline(t *testing.T) {
	t.Parallel()
	reader, sender := lowWaterPair(t)
	for name, end := range map[string]func(){
		"before":  func() { require.NoError(t, reader.SetReadDeadline(time.Now().Add(-time.Second))) },
		"ahead":   func() { require.NoError(t, reader.SetReadDeadline(time.Now().Add(lowWaterTimeout/2))) },
		"further": func() { require.NoError(t, reader.SetReadDeadline(time.Now().Add(10*lowWaterTimeout))) },
		"meanwhile": func() {
			require.NoError(t, reader.SetDeadline(time.Time{}))
			time.AfterFunc(5*lowWaterTimeout, func() { _ = reader.SetDeadline(time.Now().Add(-time.Second)) })
		},
	} {
		receive(t, reader, sender, 2*lowWaterAfter) // so that bytes are gathered
		end()
		n, err := reader.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, name)
		require.Zero(t, n, name)
	}
	receive(t, reader, sender, 1)
}

// The end of a connection, and its loss, come through at once.
func TestGatherEnd(t *testing.T) {
	t.Parallel()
	reader, sender := lowWaterPair(t)
	receive(t, reader, sender, 2*lowWaterAfter)
	_, err := sender.Write([]byte("last"))
	require.NoError(t, err)
	require.NoError(t, sender.Close())
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(aLongTime)))
	rest, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, "last", string(rest))

	reader, sender = lowWaterPair(t)
	receive(t, reader, sender, 2*lowWaterAfter)
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(aLongTime)))
	time.AfterFunc(5*lowWaterTimeout, func() { _ = reader.Close() })
	_, err = reader.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_ = sender.Close()
}

// A dial that fails says so, and what is no TCP is left as it is.
func TestGatherOther(t *testing.T) {
	t.Parallel()
	failed := errors.New("no way")
	_, err := lowWaterDial(func(context.Context, string, string) (net.Conn, error) { return nil, failed })(t.Context(), "tcp", "")
	require.ErrorIs(t, err, failed)

	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	conn, err := lowWaterDial(func(context.Context, string, string) (net.Conn, error) { return ours, nil })(t.Context(), "tcp", "")
	require.NoError(t, err)
	require.Same(t, ours, conn)
}
