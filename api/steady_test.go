package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
)

// A client that limits its rate as curl does, by long pauses between bursts, gets
// everything too.
func TestClientThatPauses(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	b := setup(t, func(config *api.Config) { config.StallTimeout = timeout })
	b.large(t, largeRows, largeSize)

	_, body := b.begin(t, "/Patient/$dump")
	var burst bytes.Buffer
	_, err := io.CopyN(&burst, body, 4<<20)
	require.NoError(t, err)
	<-time.After(3 * timeout) // this is what a pause means
	rest, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, largeRows, bytes.Count(burst.Bytes(), []byte("\n"))+bytes.Count(rest, []byte("\n")))
}

// testTLS returns a configuration with a certificate of httptest's.
func testTLS() *tls.Config {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

// TestSteadyClient: a client that reads slowly but steadily gets everything, whatever the
// sockets buffer.
func TestSteadyClient(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	for name, test := range map[string]struct {
		rate   int64 // in bytes a second: within the timeout too little for a full send buffer to have room again
		buffer int   // for receiving, 0 for the system's default
		tls    bool
	}{
		"DefaultBuffers":     {rate: 100 << 10},
		"SmallReceiveBuffer": {rate: 100 << 10, buffer: 64 << 10},
		// Over the loopback interface, Linux opens the window of such a buffer again
		// in steps of about half a megabyte.
		"LargeReceiveBuffer": {rate: 400 << 10, buffer: 1 << 20},
		"TLS":                {rate: 100 << 10, tls: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(config *api.Config) {
				config.StallTimeout = timeout
				if test.tls {
					config.TLS = testTLS()
				}
			})
			b.large(t, largeRows, largeSize)
			transport, _ := b.HTTP.Transport.(*http.Transport)
			if test.tls {
				b.URL = strings.Replace(b.URL, "http:", "https:", 1)
				transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // signed by itself
			}
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				if tcp, ok := conn.(*net.TCPConn); ok && test.buffer > 0 {
					err = tcp.SetReadBuffer(test.buffer)
				}
				return conn, err
			}
			_, body := b.begin(t, "/Patient/$dump")
			lines, received := 0, int64(0)
			pace := time.NewTicker(100 * time.Millisecond) // this is what slow means
			defer pace.Stop()
			for begin := time.Now(); time.Since(begin) < 4*timeout; <-pace.C {
				var piece bytes.Buffer
				due := int64(time.Since(begin).Seconds() * float64(test.rate)) // also after a pause of a busy machine
				n, err := io.CopyN(&piece, body, due-received)
				require.NoError(t, err)
				received += n
				lines += bytes.Count(piece.Bytes(), []byte("\n"))
			}
			rest, err := io.ReadAll(body)
			require.NoError(t, err)
			require.Equal(t, largeRows, lines+bytes.Count(rest, []byte("\n")))
		})
	}
}
