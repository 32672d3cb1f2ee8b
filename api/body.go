package api

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

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
)

// maxBody bounds the body of a kick-off. It has room for ten thousand patients.
const maxBody = 1 << 20

// Understanding a large body takes some fifteen times its size, so few are read
// at the same time, and fewer of one client. It takes less than a second, so who
// is told to come back need not wait long.
const (
	largeBody       = 16 << 10
	maxLargeBodies  = 4
	maxClientBodies = 2
	largeBodyPause  = time.Second
)

// fhirParameters is FHIR's resource Parameters, as far as a kick-off uses it:
// each parameter has a name and one value[x].
type fhirParameters struct {
	ResourceType string                       `json:"resourceType"`
	Parameter    []map[string]json.RawMessage `json:"parameter"`
}

// readRequest reads the parameters of a kick-off, wherever they are.
func (a *API) readRequest(c *gin.Context, client auth.Client) (*parameters, error) {
	if c.Request.Method != http.MethodPost {
		return readParameters(c)
	}
	if size := c.Request.ContentLength; size < 0 || size >= largeBody { // -1 is one that is not told
		release, ok := a.bodies.TryAcquire(client.ID)
		if !ok {
			return nil, throttled("too many large requests are being read", largeBodyPause)
		}
		defer release()
	}
	return readBody(c)
}

// readBody reads the parameters of a kick-off by POST, which are in its body
// (Bulk Data 3.0.0, "Bulk Data Kick-off Request"). Some clients put them into the
// URL all the same; what is there counts as well. No body has no parameters.
func readBody(c *gin.Context) (*parameters, error) {
	params, err := readParameters(c)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "too-long", text: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case err != nil:
		return nil, invalid("", "the body ended too early")
	case len(bytes.TrimSpace(body)) == 0:
		return params, nil
	}
	if err := checkBodyType(c.GetHeader("Content-Type")); err != nil {
		return nil, err
	}
	return params, parseParameters(body, params)
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

// parseParameters adds to params what the resource says, as the query of a GET
// would.
func parseParameters(body []byte, params *parameters) error {
	var resource fhirParameters
	if err := json.Unmarshal(body, &resource); err != nil || resource.ResourceType != "Parameters" {
		return invalid("", "the body is not a FHIR Parameters resource in JSON")
	}
	for i, parameter := range resource.Parameter {
		var name string
		if err := json.Unmarshal(parameter["name"], &name); err != nil || name == "" {
			_ = params.refuse(invalid("", "parameter %d of the body has no name", i+1))
			continue
		}
		value, err := parameterValue(name, parameter)
		if err != nil {
			_ = params.refuse(err)
			params.taken = append(params.taken, name)
			continue
		}
		params.values.Add(name, value)
	}
	return nil
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
