package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/limit"
)

// maxBody bounds the body of a request, in bytes. It allows ten thousand patients.
const maxBody = 1 << 20

// Parsing a large body takes about fifteen times its size in memory, so concurrent
// ones are limited, in total and per client.
const (
	largeBody               = 16 << 10
	maxLargeBodies          = 4
	maxLargeBodiesPerClient = 2
)

// bodyRetry is the delay after which a client may send a large body again; reading
// one takes less than a second.
const bodyRetry = time.Second

// Bodies reads the bodies of requests, of which only some may be large at the same
// time.
type Bodies struct{ large *limit.Semaphore }

// NewBodies returns Bodies for a server.
func NewBodies() *Bodies {
	return &Bodies{large: limit.NewSemaphore(maxLargeBodies, maxLargeBodiesPerClient)}
}

// Read returns the body of the request, which is JSON or empty. The caller must call
// release when it has parsed the body.
func (b *Bodies) Read(call *Call) (body []byte, release func(), err error) {
	release = func() {}
	if size := call.Request.ContentLength; size < 0 || size >= largeBody { // -1 is unknown
		var ok bool
		if release, ok = b.large.TryAcquire(call.Client.ID); !ok {
			return nil, nil, problem.Throttled(problem.Bodies, "too many concurrent requests with large bodies", bodyRetry)
		}
	}
	if body, err = read(call); err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

func read(call *Call) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(call.Writer, call.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too-long", Text: fmt.Sprintf("request body exceeds %d bytes", maxBody)}
	case err != nil:
		return nil, problem.Invalid("", "request body is incomplete")
	}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil, nil
	}
	return body, checkBodyType(call.GetHeader("Content-Type"))
}

func checkBodyType(contentType string) error {
	name, _, err := mime.ParseMediaType(contentType)
	if err == nil && (name == ContentTypeFHIR || name == ContentTypeJSON) {
		return nil
	}
	return &problem.Problem{
		Status: http.StatusUnsupportedMediaType, Code: "not-supported",
		Text: "unsupported media type: the body must be a FHIR resource in JSON (application/fhir+json)",
	}
}

// BodyParameter is a parameter of a Parameters resource, or a part of one.
type BodyParameter struct {
	// Name is the name; it may be empty, which FHIR does not allow.
	Name string

	// Resource is the resource, if the parameter has one.
	Resource json.RawMessage

	// Parts are the parts, if the parameter has some.
	Parts []BodyParameter

	values []bodyValue
}

// bodyValue is a value[x].
type bodyValue struct {
	element string // valueString
	text    json.RawMessage
}

// ParseParameters returns the parameters of FHIR's resource Parameters. An empty body
// has none.
func ParseParameters(body []byte) ([]BodyParameter, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var resource struct {
		ResourceType string          `json:"resourceType"`
		Parameter    []BodyParameter `json:"parameter"`
	}
	if err := json.Unmarshal(body, &resource); err != nil || resource.ResourceType != "Parameters" {
		return nil, problem.Invalid("", "the body must be a FHIR Parameters resource in JSON")
	}
	return resource.Parameter, nil
}

// UnmarshalJSON decodes a parameter.
func (p *BodyParameter) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	_ = json.Unmarshal(members["name"], &p.Name) // not a string: it has no name
	p.Resource = members["resource"]
	if parts, ok := members["part"]; ok {
		if err := json.Unmarshal(parts, &p.Parts); err != nil {
			return err
		}
	}
	for member, text := range members {
		if strings.HasPrefix(member, "value") {
			p.values = append(p.values, bodyValue{member, text})
		}
	}
	return nil
}

// Value returns the value[x] of the parameter as text: the reference of a Reference, and
// the code of a Coding. expression is the name of the parameter in a problem.
func (p BodyParameter) Value(expression string) (string, error) {
	if len(p.values) != 1 {
		return "", problem.Invalid(expression, "the parameter %s must have one value, got %d; repeat the parameter for more", problem.Quote(expression), len(p.values))
	}
	value := p.values[0]
	text, ok := valueText(value.element, value.text)
	if !ok {
		return "", problem.Invalid(expression, "the parameter %s has an invalid %s", problem.Quote(expression), problem.Quote(value.element))
	}
	return text, nil
}

// valueText returns the text of a value[x], and whether it has one.
func valueText(element string, text json.RawMessage) (string, bool) {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return "", false
	}
	switch v := value.(type) {
	case map[string]any:
		found, ok := v[map[string]string{"valueReference": "reference", "valueCoding": "code"}[element]].(string)
		return found, ok
	case string:
		return v, true
	case bool, float64: // true, 4096
		return string(bytes.TrimSpace(text)), true
	}
	return "", false
}
