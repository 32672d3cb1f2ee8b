package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
)

// maxBody bounds the body of a kick-off, in bytes. It allows ten thousand patients.
const maxBody = 1 << 20

// Parsing a large body takes about fifteen times its size in memory, so concurrent
// ones are limited, in total and per client.
const (
	largeBody               = 16 << 10
	maxLargeBodies          = 4
	maxLargeBodiesPerClient = 2
)

// parametersResource is FHIR's resource Parameters.
type parametersResource struct {
	ResourceType string                       `json:"resourceType"`
	Parameter    []map[string]json.RawMessage `json:"parameter"`
}

// bodyParameters returns the parameters of a kick-off by POST, which are in its
// body (Bulk Data 3.0.0, "Bulk Data Kick-off Request") and, of some clients, in
// the query. The body may be empty.
func bodyParameters(c *gin.Context) (*endpoint.Parameters, error) {
	params, err := endpoint.QueryParameters(c)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too-long", Text: fmt.Sprintf("request body exceeds %d bytes", maxBody)}
	case err != nil:
		return nil, problem.Invalid("", "request body is incomplete")
	case len(bytes.TrimSpace(body)) == 0:
		return params, nil
	}
	if err := checkBodyType(c.GetHeader("Content-Type")); err != nil {
		return nil, err
	}
	return params, parseBody(body, params)
}

func checkBodyType(contentType string) error {
	name, _, err := mime.ParseMediaType(contentType)
	if err == nil && (name == endpoint.ContentTypeFHIR || name == endpoint.ContentTypeJSON) {
		return nil
	}
	return &problem.Problem{
		Status: http.StatusUnsupportedMediaType, Code: "not-supported",
		Text: "unsupported media type: the body must be a FHIR Parameters resource (application/fhir+json)",
	}
}

func parseBody(body []byte, params *endpoint.Parameters) error {
	var resource parametersResource
	if err := json.Unmarshal(body, &resource); err != nil || resource.ResourceType != "Parameters" {
		return problem.Invalid("", "the body must be a FHIR Parameters resource in JSON")
	}
	for i, parameter := range resource.Parameter {
		var name string
		if err := json.Unmarshal(parameter["name"], &name); err != nil || name == "" {
			_ = params.Refuse(problem.Invalid("", "parameter %d of the body has no name", i+1))
			continue
		}
		value, err := parameterValue(name, parameter)
		if err != nil {
			_ = params.Refuse(err)
			params.MarkRead(name)
			continue
		}
		params.Values.Add(name, value)
	}
	return nil
}

// parameterValue returns the value[x] of a parameter as text: the reference of a
// Reference, and the code of a Coding.
func parameterValue(name string, parameter map[string]json.RawMessage) (string, error) {
	var found []string
	for member := range parameter {
		if strings.HasPrefix(member, "value") {
			found = append(found, member)
		}
	}
	if len(found) != 1 {
		return "", problem.Invalid(name, "the parameter %s must have one value, got %d; repeat the parameter for more", problem.Quote(name), len(found))
	}
	var value any
	text, ok := "", json.Unmarshal(parameter[found[0]], &value) == nil
	switch v := value.(type) {
	case map[string]any:
		text, ok = v[map[string]string{"valueReference": "reference", "valueCoding": "code"}[found[0]]].(string)
	case string:
		text = v
	case bool, float64: // true, 4096
		text = string(bytes.TrimSpace(parameter[found[0]]))
	default:
		ok = false
	}
	if !ok {
		return "", problem.Invalid(name, "the parameter %s has an invalid %s", problem.Quote(name), problem.Quote(found[0]))
	}
	return text, nil
}
