package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

func TestTransientStatus(t *testing.T) {
	transient := map[int]bool{408: true, 429: true, 500: true, 502: true, 503: true, 504: true, 507: true, 599: true}
	for status := 100; status < 1000; status++ {
		want := transient[status] || status >= 500 && status <= 599 && status != 501
		if got := retry.IsTransient(status, nil); got != want {
			t.Errorf("IsTransient(%d) = %v, want %v", status, got, want)
		}
	}
}

func TestTransientErrors(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(plain.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()

	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"connection refused", get(t.Context(), "http://"+closedAddress(t)), true},
		{"connection closed without a response", get(t.Context(), cutting(t, "")), true},
		{"connection closed in the headers", get(t.Context(), cutting(t, "HTTP/1.1 200 OK\r\nContent")), true},
		{"short body", get(t.Context(), cutting(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")), true},
		{"cut chunk", get(t.Context(), cutting(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")), true},
		{"timeout of connecting", dialTimeout(t), true},
		{"unknown certificate", get(t.Context(), secure.URL), false},
		{"http for https", get(t.Context(), "https"+strings.TrimPrefix(plain.URL, "http")), false},
		{"canceled context", get(canceled, plain.URL), false},
		{"expired context", get(expired, plain.URL), false},
		{"local file", fileError(), false},
		{"marked", fmt.Errorf("outer: %w", retry.Permanent(io.ErrUnexpectedEOF)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.err == nil {
				t.Fatal("no error")
			}
			if got := retry.IsTransient(200, test.err); got != test.want {
				t.Errorf("IsTransient(%v) = %v, want %v", test.err, got, test.want)
			}
		})
	}
	if err := retry.Permanent(io.EOF); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("Permanent(EOF) = %v, want an error that is EOF", err)
	}
}

// get returns the error of a request, or of reading its response.
func get(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

// cutting returns the URL of a server that answers each request with some bytes and closes
// the connection.
func cutting(t *testing.T, answer string) string {
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = io.WriteString(connection, answer)
			_ = connection.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

func closedAddress(t *testing.T) string {
	listener := listen(t)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// dialTimeout returns the error of a dialer whose time is over; it claims to be
// context.DeadlineExceeded.
func dialTimeout(t *testing.T) error {
	dialer := net.Dialer{Timeout: time.Nanosecond}
	_, err := dialer.DialContext(t.Context(), "tcp", closedAddress(t))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error of a dialer = %v, which is not context.DeadlineExceeded", err)
	}
	return err
}

func fileError() error {
	_, err := os.Open("/does/not/exist")
	return err
}
