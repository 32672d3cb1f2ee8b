package api

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// jsonTypes are the media types that a client may name to get what the protocol
// of bulk data answers with. Some name that of the files here, too.
var jsonTypes = []string{
	"*/*", "application/*", "application/json", "application/fhir+json", "application/json+fhir",
	"application/fhir+ndjson", "application/ndjson", "text/json",
}

// acceptsJSON refuses a request whose client takes anything but JSON. One that
// does not say what it takes, gets it (Bulk Data 3.0.0, "Headers").
func acceptsJSON(c *gin.Context) error {
	headers := c.Request.Header.Values("Accept")
	if strings.TrimSpace(strings.Join(headers, "")) == "" {
		return nil
	}
	for _, one := range weighted(headers) {
		if one.weight > 0 && slices.Contains(jsonTypes, one.name) {
			return nil
		}
	}
	return &problem{
		status: http.StatusNotAcceptable, code: "not-supported",
		text: "the answer is application/fhir+json or application/json, which the header Accept leaves out",
	}
}

// fhirType returns the media type of a FHIR document in the answer: that of FHIR,
// or application/json for a client that names this and not the other.
func fhirType(c *gin.Context) string {
	fhir, plain, any := -1.0, -1.0, -1.0
	for _, one := range weighted(c.Request.Header.Values("Accept")) {
		switch one.name {
		case contentTypeFHIR, "application/json+fhir":
			fhir = max(fhir, one.weight)
		case contentTypeJSON:
			plain = max(plain, one.weight)
		case "*/*", "application/*":
			any = max(any, one.weight)
		}
	}
	if plain > max(fhir, 0) && (fhir >= 0 || plain >= any) {
		return contentTypeJSON
	}
	return contentTypeFHIR
}

// readFormat refuses a parameter _format that asks for anything but JSON (FHIR
// R4, "RESTful API", on content types). A plus that was not percent-encoded
// reached us as a space.
func readFormat(params *parameters) {
	value, ok := params.one("_format")
	if !ok {
		return
	}
	name, _, err := mime.ParseMediaType(strings.ReplaceAll(value, " ", "+"))
	if err == nil && (name == "json" || slices.Contains(jsonTypes, name)) {
		return
	}
	_ = params.forgive(&problem{
		status: http.StatusBadRequest, code: "not-supported", parameter: "_format",
		text: "_format is application/fhir+json or json, not " + quote(value),
	})
}

// acceptsGzip tells whether the client unpacks gzip. One that does not say is
// given what needs no unpacking (RFC 9110, 12.5.3).
func acceptsGzip(c *gin.Context) bool {
	whatever := false
	for _, one := range weighted(c.Request.Header.Values("Accept-Encoding")) {
		switch one.name {
		case "gzip", "x-gzip":
			return one.weight > 0
		case "*":
			whatever = one.weight > 0
		}
	}
	return whatever
}

// weightedName is one member of a header such as Accept: a name in lower case
// and how much it is wanted, from 0 to 1.
type weightedName struct {
	name   string
	weight float64
}

// weighted reads such headers. What can't be read is left out.
func weighted(headers []string) (names []weightedName) {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			name, parameters, err := mime.ParseMediaType(one)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, ok := parameters["q"]; ok {
				if weight, err = strconv.ParseFloat(q, 64); err != nil {
					continue
				}
			}
			names = append(names, weightedName{name, weight})
		}
	}
	return names
}
