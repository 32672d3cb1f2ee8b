// Package endpoint holds what the endpoints of the API share: the authenticated
// request, its parameters, content negotiation, permissions and streamed
// responses.
//
// It must not know what any endpoint returns.
package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
)

// Media types of responses.
const (
	ContentTypeFHIR = "application/fhir+json"
	ContentTypeJSON = "application/json"
)

// Handler answers an authenticated request. A returned error becomes the response,
// or cuts the connection if the response has begun.
type Handler func(*Call) error

// Call is an authenticated request.
type Call struct {
	*gin.Context

	// Client is the authenticated client.
	Client auth.Client

	// Event is the audit event of the request. The handler records in it what the
	// client receives or does.
	Event *audit.Event

	// Recorder records the start of a response with data.
	Recorder *audit.Recorder

	// BaseURL is the address under which the client knows the server, without a
	// trailing slash.
	BaseURL string

	mu    sync.Mutex
	check func(auth.Client) error
}

// Ctx returns the context of the request, which ends when the client loses its
// permission.
func (c *Call) Ctx() context.Context { return c.Request.Context() }

// FHIRBase returns the base URL of the server's FHIR resources.
func (c *Call) FHIRBase() string { return c.BaseURL + "/fhir" }

// Require returns the error of a permission check, and repeats the check with
// the client's current permissions while the request is answered.
func (c *Call) Require(check func(auth.Client) error) error {
	if err := check(c.Client); err != nil {
		return err
	}
	c.Recheck(check)
	return nil
}

// Recheck sets the permission check that is repeated while the request is
// answered. Without one, the client only has to exist.
func (c *Call) Recheck(check func(auth.Client) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check = check
}

// Permits reports whether the request may continue with the given state of its
// client.
func (c *Call) Permits(client auth.Client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.check == nil || c.check(client) == nil
}

// RecordStart records that a response with data is about to be sent, so that the
// audit log has it even if the process does not survive the response.
func (c *Call) RecordStart() {
	c.Event.Status = c.Writer.Status()
	c.Recorder.RecordStart(c.Ctx(), *c.Event)
}

// WriteJSON writes a document as the response. Characters such as & are not
// escaped, so that links can be copied. FHIR documents are sent with the media
// type that the client prefers.
func WriteJSON(c *gin.Context, status int, contentType string, document any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(err) // the documents are types of ours, which can be encoded
	}
	if contentType == ContentTypeFHIR {
		contentType = FHIRType(c)
	}
	c.Data(status, contentType, body.Bytes())
}

// Seconds returns a duration in whole seconds, rounded up, for headers such as
// Retry-After.
func Seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
