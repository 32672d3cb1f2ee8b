package endpoint

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/problem"
)

// jsonTypes are the media types in Accept that are answered with JSON. Some
// clients name the type of the files, too.
var jsonTypes = []string{
	"*/*", "application/*", "application/json", "application/fhir+json", "application/json+fhir",
	"application/fhir+ndjson", "application/ndjson", "text/json",
}

// AcceptsJSON refuses a request whose header Accept excludes JSON. A request
// without the header accepts it (Bulk Data 3.0.0, "Headers").
func AcceptsJSON(c *gin.Context) error {
	headers := c.Request.Header.Values("Accept")
	if strings.TrimSpace(strings.Join(headers, "")) == "" {
		return nil
	}
	for _, member := range parseWeighted(headers) {
		if member.Weight > 0 && slices.Contains(jsonTypes, member.Name) {
			return nil
		}
	}
	return &problem.Problem{
		Status: http.StatusNotAcceptable, Code: "not-supported",
		Text: "not acceptable: the response is application/fhir+json or application/json, which the header Accept excludes",
	}
}

// FHIRType returns the media type of a FHIR document in the response:
// application/json if the client prefers it, or else application/fhir+json.
func FHIRType(c *gin.Context) string {
	fhir, plain, any := -1.0, -1.0, -1.0
	for _, member := range Accepted(c) {
		switch member.Name {
		case ContentTypeFHIR, "application/json+fhir":
			fhir = max(fhir, member.Weight)
		case ContentTypeJSON:
			plain = max(plain, member.Weight)
		case "*/*", "application/*":
			any = max(any, member.Weight)
		}
	}
	if plain > max(fhir, 0) && (fhir >= 0 || plain >= any) {
		return ContentTypeJSON
	}
	return ContentTypeFHIR
}

// ReadFormat refuses a parameter _format other than JSON (FHIR R4, "RESTful API",
// content types).
func ReadFormat(params *Parameters) {
	value, ok := params.One("_format")
	if !ok {
		return
	}
	name, _, err := mime.ParseMediaType(RestorePlus(value))
	if err == nil && (name == "json" || slices.Contains(jsonTypes, name)) {
		return
	}
	_ = params.Forgive(problem.NotSupported("_format", "_format must be application/fhir+json or json, got %s", problem.Quote(value)))
}

// RestorePlus undoes the decoding of a plus sign that the client did not
// percent-encode.
func RestorePlus(value string) string { return strings.ReplaceAll(value, " ", "+") }

// AcceptsGzip reports whether the client accepts the content encoding gzip. A
// request without the header gets no encoding (RFC 9110, 12.5.3).
func AcceptsGzip(c *gin.Context) bool {
	any := false
	for _, member := range parseWeighted(c.Request.Header.Values("Accept-Encoding")) {
		switch member.Name {
		case "gzip", "x-gzip":
			return member.Weight > 0
		case "*":
			any = member.Weight > 0
		}
	}
	return any
}

// Weighted is a member of a header such as Accept.
type Weighted struct {
	// Name is in lower case.
	Name string

	// Weight is the quality value, from 0 to 1.
	Weight float64
}

// Accepted returns the media types in the header Accept.
func Accepted(c *gin.Context) []Weighted { return parseWeighted(c.Request.Header.Values("Accept")) }

// parseWeighted parses headers such as Accept. It skips malformed members.
func parseWeighted(headers []string) (members []Weighted) {
	for _, header := range headers {
		for text := range strings.SplitSeq(header, ",") {
			name, parameters, err := mime.ParseMediaType(text)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, ok := parameters["q"]; ok {
				if weight, err = strconv.ParseFloat(q, 64); err != nil {
					continue
				}
			}
			members = append(members, Weighted{name, weight})
		}
	}
	return members
}
