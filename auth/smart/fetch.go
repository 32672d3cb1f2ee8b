package smart

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
)

const (
	// fetchTimeout bounds the fetch of a JWK Set, from name resolution to the last
	// byte.
	fetchTimeout = 5 * time.Second

	maxFetchHeaderBytes = 16 << 10
)

// newFetchClient returns the HTTP client that fetches JWK Sets. It does not follow
// redirects, does not use a proxy, and does not connect to private addresses
// unless allowInsecure is set.
func newFetchClient(allowInsecure bool) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout}
	if !allowInsecure {
		dialer.Control = rejectPrivate
	}
	return &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirects are not followed")
		},
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true, // the next fetch is minutes later
			MaxResponseHeaderBytes: maxFetchHeaderBytes,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    fetchTimeout,
		},
	}
}

// fetchKeys fetches a JWK Set. It returns how long the response may be cached, -1
// if it does not say.
func fetchKeys(ctx context.Context, client *http.Client, address string) (auth.KeySet, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "sluice")
	response, err := client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) { // its text contains the whole URL
		err = failed.Err
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()

	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("the response is %s", response.Status)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, auth.MaxKeySetBytes+1))
	if err != nil {
		return nil, 0, err
	}
	keys, err := auth.ParseKeySet(document)
	return keys, maxAge(response.Header), err
}

// maxAge returns how long a response may be cached (RFC 9111, 5.2.2), -1 if it does
// not say.
func maxAge(header http.Header) time.Duration {
	age := time.Duration(-1)
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
			if err != nil || seconds < 0 {
				return 0
			}
			age = time.Duration(seconds) * time.Second
		}
	}
	return age
}
