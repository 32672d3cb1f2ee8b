package quote_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

func TestLine(t *testing.T) {
	tests := []struct {
		name, text, want string
		limit            int
	}{
		{"lines", " a\r\n\tb  c\n", "a b c", 10},
		{"control characters", "a\x1b[31mb\x00\u202e", "a[31mb", 10},
		{"invalid UTF-8", "a\xffb", "ab", 10},
		{"long", "äöüß", "äö…", 3},
		{"as long as allowed", "äöü", "äöü", 3},
	}
	for _, test := range tests {
		if got := quote.Line(test.text, test.limit); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestHide(t *testing.T) {
	bearer := &http.Request{Header: http.Header{"Authorization": {"Bearer abc.def"}}}
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth("me", "passw0rd")
	short := &http.Request{Header: http.Header{}}
	short.SetBasicAuth("me", "s")
	tests := []struct {
		name       string
		request    *http.Request
		text, want string
	}{
		{"token", bearer, "Bearer abc.def is invalid: abc.def", "Bearer *** is invalid: ***"},
		{"basic", basic, "Basic bWU6cGFzc3cwcmQ= means me:passw0rd", "Basic *** means me:***"},
		{"short password", short, "Basic bWU6cw== is wrong", "Basic *** is wrong"},
		{"no credentials", &http.Request{Header: http.Header{}}, "text", "text"},
		{"no request", nil, "text", "text"},
	}
	for _, test := range tests {
		if got := quote.Hide(test.text, test.request); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestQueries(t *testing.T) {
	tests := []struct{ text, want string }{
		{`Get "https://s3.example.org/a?X-Amz-Signature=abc&b=c": EOF`, `Get "https://s3.example.org/a?…": EOF`},
		{"/a/b?sig=x and files/c?d=e.", "/a/b?… and files/c?…"},
		{"invalid _typeFilter Observation?status=final", "invalid _typeFilter Observation?status=final"},
		{"really? a=b", "really? a=b"},
		{"https://s3.example.org/a?c2lnbmF0dXJl is gone", "https://s3.example.org/a?… is gone"},
		{"https://s3.example.org/a? Yes", "https://s3.example.org/a? Yes"},
		{"<a href='/x?y=z'>", "<a href='/x?…'>"},
	}
	for _, test := range tests {
		if got := quote.Queries(test.text); got != test.want {
			t.Errorf("Queries(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestURL(t *testing.T) {
	u, err := url.Parse("https://me:secret@example.org/a%2Fb?sig=x#f")
	if err != nil {
		t.Fatal(err)
	}
	if got := quote.URL(u); got != "https://example.org/a%2Fb" {
		t.Errorf("URL = %s, want https://example.org/a%%2Fb", got)
	}
}
