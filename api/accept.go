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

// readFormat refuses a parameter _format that asks for anything but JSON (FHIR
// R4, "RESTful API", on content types). A plus that was not percent-encoded
// reached us as a space.
func readFormat(params *parameters) error {
	value, ok, err := params.one("_format")
	if err != nil || !ok {
		return err
	}
	name, _, err := mime.ParseMediaType(strings.ReplaceAll(value, " ", "+"))
	if err == nil && (name == "json" || slices.Contains(jsonTypes, name)) {
		return nil
	}
	return params.forgive(&problem{
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
