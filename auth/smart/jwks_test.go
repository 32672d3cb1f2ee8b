package smart

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
)

// keyServer serves the JWK Set of a client.
type keyServer struct {
	*httptest.Server

	asked  atomic.Int32
	mu     sync.Mutex
	answer http.HandlerFunc
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) serve(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *keyServer) publish(document []byte, cacheControl string) {
	s.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", cacheControl)
		_, _ = w.Write(document)
	})
}

// trusting returns tokens that trust the server's certificate and connect to loopback
// addresses.
func (s *keyServer) trusting(t *testing.T, b *testBundle) *Tokens {
	t.Helper()
	tokens := b.tokens(Config{AllowInsecureJWKS: true})
	s.trust(t, tokens)
	return tokens
}

func (s *keyServer) trust(t *testing.T, tokens *Tokens) {
	t.Helper()
	ours, ok := tokens.jwks.client.Transport.(*http.Transport)
	require.True(t, ok)
	theirs, ok := s.Client().Transport.(*http.Transport)
	require.True(t, ok)
	ours.TLSClientConfig.RootCAs = theirs.TLSClientConfig.RootCAs
}

// age makes the cached sets older.
func age(tokens *Tokens, by time.Duration) {
	for _, address := range tokens.jwks.sets.Keys() {
		set, _ := tokens.jwks.sets.Get(address)
		set.fetchedAt, set.expires = set.fetchedAt.Add(-by), set.expires.Add(-by)
		tokens.jwks.sets.Add(address, set)
	}
}

func TestKeysByURL(t *testing.T) {
	t.Parallel()
	b, ctx, server := setup(t), t.Context(), newKeyServer(t)
	tokens := server.trusting(t, b)
	first, second := newSigner(t, "first", "ES384"), newSigner(t, "second", "RS384")
	require.NoError(t, b.clients.Register(ctx, auth.Registration{ID: "app", Scopes: []string{"system/*.rs"}, Keys: auth.Keys{URL: server.URL}}))
	exchange := func(key signer, headers ...map[string]any) error {
		_, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"), headers...)))
		return err
	}

	// A set may contain keys of unknown types.
	server.publish(jwks(t, map[string]any{"kty": "XYZ", "kid": "x"}, map[string]any{"kty": "OKP", "crv": "X25519", "kid": "y", "x": "AA"}, first.jwk()), "")
	require.NoError(t, exchange(first))
	require.NoError(t, exchange(first, map[string]any{"jku": server.URL}))
	require.EqualValues(t, 1, server.asked.Load(), "fetched keys are kept")

	// The client rotates its key. The new one is fetched, but not at each request.
	server.publish(jwks(t, second.jwk()), "max-age=60")
	requireRefused(t, exchange(second), InvalidClient, unknownKey)
	require.EqualValues(t, 1, server.asked.Load())
	age(tokens, fetchInterval)
	require.NoError(t, exchange(second))
	requireRefused(t, exchange(first), InvalidClient, unknownKey)
	require.EqualValues(t, 2, server.asked.Load())

	// The response says how long it may be cached.
	age(tokens, 30*time.Second)
	require.NoError(t, exchange(second))
	require.EqualValues(t, 2, server.asked.Load())
	age(tokens, 30*time.Second)
	server.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	requireRefused(t, exchange(second), InvalidClient, unknownKey)
	require.EqualValues(t, 3, server.asked.Load())
	requireRefused(t, exchange(second), InvalidClient, unknownKey)
	require.EqualValues(t, 3, server.asked.Load(), "a failure is not repeated at once either")
}

// TestFailureKeepsValidKeys: an assertion with an unknown kid, while the client's
// server is down, does not invalidate the cached keys.
func TestFailureKeepsValidKeys(t *testing.T) {
	t.Parallel()
	b, ctx, server := setup(t), t.Context(), newKeyServer(t)
	tokens, key, stranger := server.trusting(t, b), newSigner(t, "k", "ES384"), newSigner(t, "x", "ES384")
	require.NoError(t, b.clients.Register(ctx, auth.Registration{ID: "app", Scopes: []string{"system/*.rs"}, Keys: auth.Keys{URL: server.URL}}))
	server.publish(jwks(t, key.jwk()), "")
	_, err := tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
	require.NoError(t, err)

	server.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	age(tokens, fetchInterval)
	_, err = tokens.Exchange(ctx, ask(stranger.sign(t, claims("app"))))
	requireRefused(t, err, InvalidClient, unknownKey)
	require.EqualValues(t, 2, server.asked.Load())
	require.InDelta(t, 1, testutil.ToFloat64(tokens.jwks.fetches.completed), 0)
	require.InDelta(t, 1, testutil.ToFloat64(tokens.jwks.fetches.failed), 0)
	_, err = tokens.Exchange(ctx, ask(key.sign(t, claims("app"))))
	require.NoError(t, err)
}

func TestManyWaitForOneFetch(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t)
	key := newSigner(t, "k", "ES384")
	document, open := jwks(t, key.jwk()), make(chan struct{})
	server.serve(func(w http.ResponseWriter, _ *http.Request) {
		<-open
		_, _ = w.Write(document)
	})
	tokens := &Tokens{jwks: newJWKSCache(true, nil)}
	server.trust(t, tokens)

	leaver, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := tokens.jwks.get(leaver, server.URL, "k", "ES384")
		left <- err
	}()
	require.Eventually(t, func() bool { return server.asked.Load() == 1 }, 2*time.Minute, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)

	var waiting sync.WaitGroup
	for range 10 {
		waiting.Go(func() {
			keys, err := tokens.jwks.get(t.Context(), server.URL, "k", "ES384")
			assert.True(t, err == nil && len(keys.Find("k", "ES384")) == 1)
		})
	}
	close(open)
	waiting.Wait()
	require.EqualValues(t, 1, server.asked.Load(), "the one that began it has left, the fetch goes on")
}

// TestFetchesRefused: a client's server cannot harm ours.
func TestFetchesRefused(t *testing.T) {
	t.Parallel()
	server, inside := newKeyServer(t), newKeyServer(t)
	document := jwks(t, newSigner(t, "k", "ES384").jwk())
	inside.publish(document, "")
	tokens := &Tokens{jwks: newJWKSCache(true, nil)}
	server.trust(t, tokens)
	private := newSigner(t, "k", "ES384").jwk()
	private["d"] = private["x"]

	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"Redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL, http.StatusFound)
		}, "redirects are not followed"},
		"Endless": {func(w http.ResponseWriter, _ *http.Request) {
			piece := []byte(strings.Repeat(" ", 4096))
			for _, err := w.Write(piece); err == nil; _, err = w.Write(piece) {
			}
		}, "larger"},
		"HugeHeader": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxFetchHeaderBytes))
			_, _ = w.Write(document)
		}, "header"},
		"NotFound": {http.NotFound, "404"},
		"NoJSON":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "JWK Set"},
		"NoKeys":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) }, "no public key"},
		"Private":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(jwks(t, private)) }, "private"},
		"Broken": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"keys":[`))
		}, "EOF"},
	} {
		server.serve(c.answer)
		_, _, err := fetchKeys(t.Context(), tokens.jwks.client, server.URL)
		require.ErrorContains(t, err, c.want, name)
	}
	require.Zero(t, inside.asked.Load())
}

// TestFetchTimeout: a slow response is abandoned.
func TestFetchTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		client := newFetchClient(true)
		transport, ok := client.Transport.(*http.Transport)
		require.True(t, ok)
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = far.Read(make([]byte, 4096))
			for _, err := far.Write([]byte("HTTP/1.1 200 OK\r\n\r\n{")); err == nil; _, err = far.Write([]byte(" ")) {
				time.Sleep(time.Second) // the bubble's clock: no time passes
			}
		}()
		begin := time.Now()
		_, _, err := fetchKeys(t.Context(), client, "http://client.example.org/jwks")
		require.Error(t, err)
		require.Equal(t, fetchTimeout, time.Since(begin))
		_ = far.Close()
		<-done
	})
}

// TestNoPrivateAddresses: no connection is made to a private address, nor to a name
// that resolves to one.
func TestNoPrivateAddresses(t *testing.T) {
	t.Parallel()
	server := newKeyServer(t)
	server.publish(jwks(t, newSigner(t, "k", "ES384").jwk()), "")
	tokens := &Tokens{jwks: newJWKSCache(false, nil)}
	server.trust(t, tokens)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	for _, address := range []string{
		server.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://0.0.0.0:" + port,
		"https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fd00::1]/", "https://[fe80::1]/",
	} {
		_, _, err := fetchKeys(t.Context(), tokens.jwks.client, address+"?token=hushhush")
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hushhush")
		if !strings.Contains(address, "[f") { // a machine without IPv6 has no way to try
			require.ErrorIs(t, err, errPrivateAddress, address)
		}
	}
	require.Zero(t, server.asked.Load())
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:2800:220:1::1": true, "::ffff:8.8.8.8": true, "223.255.255.255": true,
		"0.0.0.0": false, "10.1.2.3": false, "100.64.0.1": false, "127.0.0.1": false, "127.9.9.9": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "198.18.0.1": false,
		"224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "192.0.0.192": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"fc00::1": false, "fd12:3456::1": false, "fe80::1%eth0": false, "ff02::1": false, "fec0::1": false,
		"64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		require.Equal(t, want, isPublic(netip.MustParseAddr(text)), text)
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": -1, "private": -1, "max-age=60": time.Minute, "public, Max-Age=\"60\"": time.Minute,
		"no-store": 0, "max-age=60, no-cache": 0, "max-age=-1": 0, "max-age=x": 0, "max-age=99999999999": 0,
	} {
		require.Equal(t, want, maxAge(http.Header{"Cache-Control": {text}}), text)
	}
}
