package login

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

const (
	defaultRetryFor = 5 * time.Minute

	// maxDocumentBytes limits a discovery document; some CapabilityStatements have
	// megabytes.
	maxDocumentBytes = 32 << 20

	// oauthURIs is the extension of a CapabilityStatement that has the token endpoint.
	oauthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

	maxRedirects = 10
)

// findEndpoint returns the token endpoint of a server.
func findEndpoint(ctx context.Context, client *http.Client, base *url.URL, o Options, prove proof) (*endpoint, error) {
	e := &endpoint{client: withoutRedirects(client), prove: prove, scope: o.Scope, types: o.Types, permission: v2, repeat: repeater{warn: o.Warn}}
	e.patience = cmp.Or(o.RetryFor, defaultRetryFor)
	if o.TokenURL != "" {
		e.url = o.TokenURL
		return e, checkTokenURL(o.TokenURL, base)
	}
	var found discovered
	discovery := repeater{warn: o.Warn}
	err := discovery.run(ctx, e.patience, func(ctx context.Context) (err error) {
		found, err = discover(ctx, client, base)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("discover the token endpoint: %w", err)
	}
	e.url, e.permission = found.tokenURL, permissionOf(found.scopes)
	return e, checkTokenURL(e.url, base)
}

// checkTokenURL rejects a token endpoint that cannot be one, or to which credentials
// would be sent in plain text although the server itself uses TLS.
func checkTokenURL(text string, base *url.URL) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the token URL must be a URL such as https://server.example.org/token")
	case base.Scheme == "https" && u.Scheme != "https":
		return fmt.Errorf("the token URL must begin with https:// because the server's URL does, got %s", quote.URL(u))
	}
	return nil
}

// withoutRedirects returns a client that returns redirects as responses.
func withoutRedirects(client *http.Client) *http.Client {
	strict := *client
	strict.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &strict
}

// withSafeRedirects returns a client that follows redirects, but none from https to http:
// others could then choose where credentials are sent to.
func withSafeRedirects(client *http.Client) *http.Client {
	safe := *client
	safe.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		switch {
		case len(before) >= maxRedirects:
			return retry.Permanent(fmt.Errorf("more than %d redirects", maxRedirects))
		case before[0].URL.Scheme == "https" && next.URL.Scheme != "https":
			return retry.Permanent(errors.New("redirects from https to http"))
		}
		return nil
	}
	return &safe
}

// discovered is what a server says about its token endpoint.
type discovered struct {
	tokenURL string
	scopes   []string
}

// discover reads the SMART configuration of a server, or else its CapabilityStatement.
func discover(ctx context.Context, client *http.Client, base *url.URL) (discovered, error) {
	client = withSafeRedirects(client)
	found, smartErr := readConfiguration(ctx, client, base)
	if smartErr == nil || ctx.Err() != nil {
		return found, smartErr
	}
	address, metadataErr := readStatement(ctx, client, base)
	if metadataErr == nil {
		return discovered{address, found.scopes}, nil
	}
	return discovered{}, fmt.Errorf("%w; %w; set the token URL (--token-url)", smartErr, metadataErr)
}

// readConfiguration reads [base]/.well-known/smart-configuration (SMART App Launch 2.2,
// "Conformance").
func readConfiguration(ctx context.Context, client *http.Client, base *url.URL) (discovered, error) {
	var configuration struct {
		TokenEndpoint string   `json:"token_endpoint"`
		Scopes        []string `json:"scopes_supported"`
	}
	address, err := getJSON(ctx, client, base.JoinPath(".well-known", "smart-configuration"), "application/json", &configuration)
	if err != nil {
		return discovered{}, err
	}
	found := discovered{scopes: configuration.Scopes}
	if configuration.TokenEndpoint == "" {
		return found, fmt.Errorf("%s has no token_endpoint", quote.URL(address))
	}
	found.tokenURL, err = resolve(address, configuration.TokenEndpoint)
	return found, err
}

// extension is an extension of FHIR.
type extension struct {
	URL       string      `json:"url"`
	ValueURI  string      `json:"valueUri"`
	Extension []extension `json:"extension"`
}

// readStatement reads the token endpoint in the CapabilityStatement at [base]/metadata.
func readStatement(ctx context.Context, client *http.Client, base *url.URL) (string, error) {
	var statement struct {
		Rest []struct {
			Security struct {
				Extension []extension `json:"extension"`
			} `json:"security"`
		} `json:"rest"`
	}
	address, err := getJSON(ctx, client, base.JoinPath("metadata"), "application/fhir+json", &statement)
	if err != nil {
		return "", err
	}
	for _, rest := range statement.Rest {
		for _, uris := range rest.Security.Extension {
			for _, uri := range uris.Extension {
				if uris.URL == oauthURIs && uri.URL == "token" && uri.ValueURI != "" {
					return resolve(address, uri.ValueURI)
				}
			}
		}
	}
	return "", fmt.Errorf("%s has no extension oauth-uris with a token endpoint", quote.URL(address))
}

// getJSON reads a document and returns its address after redirects.
func getJSON(ctx context.Context, client *http.Client, address *url.URL, mediaType string, into any) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, bare(err)
	}
	request.Header.Set("Accept", mediaType)
	got, err := send(ctx, client, request, maxDocumentBytes)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", quote.URL(address), err)
	case got.status != http.StatusOK:
		return nil, fmt.Errorf("%s: HTTP status %s", quote.URL(address), quote.Line(got.statusText, maxText))
	case json.Unmarshal(got.body, into) != nil:
		return nil, fmt.Errorf("%s is not the expected JSON document", quote.URL(address))
	}
	return got.url, nil
}

// resolve returns an address of a document, which should be absolute, but need not be.
func resolve(document *url.URL, address string) (string, error) {
	u, err := document.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%s has a token endpoint that is not a URL", quote.URL(document))
	}
	return u.String(), nil
}
