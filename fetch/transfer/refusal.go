package transfer

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

// refusal is a response that is not the file.
type refusal struct {
	status int
	header http.Header
	code   string // of an S3 store
	text   string // what the body says, shortened
	host   string

	request    *http.Request // after redirects
	authorized bool          // the request had a token
}

// Error implements error.
func (r *refusal) Error() string {
	text := fmt.Sprintf("%s responds %d", r.host, r.status)
	if name := http.StatusText(r.status); name != "" {
		text += " " + name
	}
	if r.text != "" {
		text += ": " + r.text
	}
	return text
}

const (
	maxRefusalBytes = 16 << 10 // that are read of a body
	maxQuote        = 300      // characters that are quoted of it
)

// refusalTimeout is how long the body of a refusal is read. Tests shorten it.
var refusalTimeout = 5 * time.Second

// newRefusal reads the body of a response. The request is the one before redirects.
func newRefusal(request *http.Request, r *http.Response) *refusal {
	timer := time.AfterFunc(refusalTimeout, func() { _ = r.Body.Close() }) // ends Read
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxRefusalBytes))         // the status counts
	timer.Stop()
	code, text := explain(body, r.Header.Get("Content-Type"))
	text = quote.Line(quote.Queries(quote.Hide(text, request)), maxQuote)
	return &refusal{
		status: r.StatusCode, header: r.Header, code: code, text: text, host: r.Request.URL.Host,
		request: r.Request, authorized: r.Request.Header.Get("Authorization") != "",
	}
}

// explain returns the code and message of an error of S3, the texts of an OperationOutcome,
// or a plain text.
func explain(body []byte, contentType string) (code, text string) {
	var s3 struct{ Code, Message string }
	if xml.Unmarshal(body, &s3) == nil && s3.Code != "" {
		return s3.Code, s3.Code + " " + s3.Message
	}
	var outcome struct {
		Issue []struct {
			Diagnostics string
			Details     struct{ Text string }
		}
	}
	if json.Unmarshal(body, &outcome) == nil && len(outcome.Issue) > 0 {
		var texts []string
		for _, issue := range outcome.Issue {
			texts = append(texts, strings.TrimSpace(issue.Details.Text+" "+issue.Diagnostics))
		}
		return "", strings.Join(texts, "; ")
	}
	if strings.HasPrefix(contentType, "text/plain") && !bytes.HasPrefix(body, []byte("<")) {
		return "", string(body)
	}
	return "", ""
}

// isExpired reports whether another link may help.
func (r *refusal) isExpired() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	case http.StatusBadRequest:
		return r.code == "ExpiredToken" || strings.Contains(strings.ToLower(r.text), "request has expired")
	}
	return false
}

// rejectsToken reports whether a store rejects the access token because the link is signed.
func (r *refusal) rejectsToken() bool {
	return r.status == http.StatusBadRequest && strings.Contains(r.text, "Only one auth mechanism allowed")
}
