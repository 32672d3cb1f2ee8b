package access_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-90096f4d/sluice/fetch/access"
)

// login sends a value as Authorization.
type login string

func (l login) Authorize(_ context.Context, r *http.Request) error {
	r.Header.Set("Authorization", string(l))
	return nil
}

func (login) Rejected(*http.Request) bool { return false }

// TestAuthorize is where credentials are sent.
func TestAuthorize(t *testing.T) {
	const basic, bearer = login("Basic bWU6cGFzc3cwcmQ="), login("Bearer abc")
	for _, test := range []struct {
		base, target string
		login        login
		withheld     string
	}{
		{"https://a.example/fhir", "https://a.example/other", basic, ""},
		{"https://a.example/fhir", "https://A.example:443/other", basic, ""},
		{"http://a.example/fhir", "https://a.example/other", basic, ""},
		{"http://a.example:8080/fhir", "http://a.example:8080/other", basic, ""},
		{"http://a.example:8080/fhir", "https://a.example/other", basic, "the password"},
		{"https://a.example/fhir", "https://a.example:8443/other", basic, "the password"},
		{"https://a.example/fhir", "https://b.a.example/other", basic, "the password"},
		{"http://a.example/fhir", "http://b.example/other", basic, "the password"},
		{"https://a.example/fhir", "http://a.example/other", basic, "no TLS"},
		{"https://a.example/fhir", "http://b.example/other?sig=x", bearer, "no credentials were sent to http://b.example/other, since it has no TLS"},
		{"https://a.example/fhir", "https://b.example/other", bearer, ""},
		{"http://a.example/fhir", "http://b.example/other", bearer, ""},
	} {
		base, err := url.Parse(test.base)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		withheld, err := access.Authorize(t.Context(), test.login, base, r)
		sent := r.Header.Get("Authorization")
		if err != nil || (withheld == "") != (test.withheld == "") || !strings.Contains(withheld, test.withheld) || (sent == "") == (withheld == "") {
			t.Errorf("%s at %s from %s: sent %q, withheld %q, error %v, want %q", test.login, test.target, test.base, sent, withheld, err, test.withheld)
		}
	}
}
