package auth

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
)

const (
	// fetchTimeout bounds fetching a JWK Set, from the name to the last byte.
	fetchTimeout = 5 * time.Second

	maxFetchHeader = 16 << 10
)

// newKeyClient returns the HTTP client that JWK Sets are fetched with. It goes
// where it was told and nowhere else: it follows no redirect, uses no proxy
// and, unless anywhere is set, connects to no private address.
func newKeyClient(anywhere bool) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout}
	if !anywhere {
		dialer.Control = refusePrivate
	}
	return &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirects are not followed")
		},
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true, // the next fetch is minutes away
			MaxResponseHeaderBytes: maxFetchHeader,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    fetchTimeout,
		},
	}
}

// fetchKeys gets a JWK Set, and how long it may be kept by what the answer says
// of that; unsaid is -1.
func fetchKeys(ctx context.Context, client *http.Client, address string) (keySet, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "sluice")
	response, err := client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) { // which tells the whole address
		err = failed.Err
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()

	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("the answer is %s", response.Status)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxJWKS+1))
	if err != nil {
		return nil, 0, err
	}
	keys, err := parseKeys(document)
	return keys, maxAge(response.Header), err
}

// maxAge reads how long an answer may be kept (RFC 9111, 5.2.2); -1 if it does
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
