package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxBody bounds the body of a kick-off. It has room for ten thousand patients.
const maxBody = 1 << 20

// fhirParameters is FHIR's resource Parameters, as far as a kick-off uses it:
// each parameter has a name and one value[x].
type fhirParameters struct {
	ResourceType string                       `json:"resourceType"`
	Parameter    []map[string]json.RawMessage `json:"parameter"`
}

// readBody reads the parameters of a kick-off by POST (Bulk Data 3.0.0, "Bulk
// Data Kick-off Request"). No body means no parameters.
func readBody(c *gin.Context) (*parameters, error) {
	if c.Request.URL.RawQuery != "" {
		return nil, invalid("", "the parameters of a POST are in its body, a FHIR Parameters resource, and not in the URL")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "too-long", text: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case err != nil:
		return nil, invalid("", "the body ended too early")
	case len(bytes.TrimSpace(body)) == 0:
		return &parameters{values: url.Values{}}, nil
	}
	if err := checkBodyType(c.GetHeader("Content-Type")); err != nil {
		return nil, err
	}
	values, err := parseParameters(body)
	if err != nil {
		return nil, err
	}
	return &parameters{values: values}, nil
}

// checkBodyType wants JSON.
func checkBodyType(contentType string) error {
	name, _, err := mime.ParseMediaType(contentType)
	if err == nil && (name == "application/fhir+json" || name == "application/json") {
		return nil
	}
	return &problem{
		status: http.StatusUnsupportedMediaType, code: "not-supported",
		text: "the body of a kick-off is application/fhir+json: a FHIR Parameters resource",
	}
}

// parseParameters turns the resource into what the query of a GET would say.
func parseParameters(body []byte) (url.Values, error) {
	var resource fhirParameters
	if err := json.Unmarshal(body, &resource); err != nil || resource.ResourceType != "Parameters" {
		return nil, invalid("", "the body is not a FHIR Parameters resource in JSON")
	}
	values := url.Values{}
	for i, parameter := range resource.Parameter {
		var name string
		if err := json.Unmarshal(parameter["name"], &name); err != nil || name == "" {
			return nil, invalid("", "parameter %d of the body has no name", i+1)
		}
		value, err := parameterValue(name, parameter)
		if err != nil {
			return nil, err
		}
		values.Add(name, value)
	}
	return values, nil
}

// parameterValue returns the one value[x] of a parameter as text: of a
// Reference the reference, of a Coding the code.
func parameterValue(name string, parameter map[string]json.RawMessage) (string, error) {
	var found []string
	for member := range parameter {
		if strings.HasPrefix(member, "value") {
			found = append(found, member)
		}
	}
	if len(found) != 1 {
		return "", invalid(name, "the parameter %s has %d values; it wants one, and is to be repeated for more", quote(name), len(found))
	}
	raw := bytes.TrimSpace(parameter[found[0]])
	var text struct {
		Text      *string `json:"-"`
		Reference *string `json:"reference"`
		Code      *string `json:"code"`
	}
	var err error
	switch {
	case raw[0] == '{' && found[0] == "valueReference":
		err = json.Unmarshal(raw, &text)
		text.Text = text.Reference
	case raw[0] == '{' && found[0] == "valueCoding":
		err = json.Unmarshal(raw, &text)
		text.Text = text.Code
	case raw[0] == '"':
		err = json.Unmarshal(raw, &text.Text)
	case raw[0] != '{' && raw[0] != '[' && string(raw) != "null": // true, 4096
		scalar := string(raw)
		text.Text = &scalar
	}
	if err != nil || text.Text == nil {
		return "", invalid(name, "the parameter %s has a %s that can't be read", quote(name), quote(found[0]))
	}
	return *text.Text, nil
}
