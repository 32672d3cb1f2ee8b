package sql

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/table"
)

// fhirFormat is the format of the specification that is a Parameters resource.
const fhirFormat = "fhir"

// The formats of the operations. A JSON array is one document, which cannot be divided
// into files.
var (
	runFormats    = []table.Format{table.NDJSON, table.JSON, table.CSV, table.Parquet}
	exportFormats = []table.Format{table.NDJSON, table.CSV, table.Parquet}
)

// formatNames lists formats for a sentence.
func formatNames(formats []table.Format) string {
	names := make([]string, len(formats))
	for i, format := range formats {
		names[i] = string(format)
	}
	return strings.Join(names, ", ")
}

// parseFormat parses _format. ok is false if it is missing or refused. fhirCode is the code
// of the problem of the format fhir.
func (c *checker) parseFormat(formats []table.Format, fhirCode string) (format table.Format, ok bool) {
	value, ok := c.params.One("_format")
	if !ok {
		return "", false
	}
	name := endpoint.RestorePlus(value)
	for _, format := range formats {
		if name == string(format) || name == format.ContentType() {
			return format, true
		}
	}
	p := problem.NotSupported("_format", "_format must be one of %s, got %s", formatNames(formats), problem.Quote(value))
	if name == fhirFormat {
		p.Code = fhirCode
	}
	_ = c.params.Refuse(p)
	return "", false
}

// parseHeader parses header and reports whether the header of CSV is omitted.
func (c *checker) parseHeader() bool {
	given := c.params.Values.Has("header")
	return !c.params.Boolean("header") && given
}

// acceptedFormats are the formats by the media types in Accept that select one.
var acceptedFormats = map[string]table.Format{
	"application/x-ndjson":           table.NDJSON,
	"application/ndjson":             table.NDJSON,
	"application/json":               table.JSON,
	"text/csv":                       table.CSV,
	"application/vnd.apache.parquet": table.Parquet,
}

// envelopes are the media types in Accept that ask for a Binary resource.
var envelopes = []string{"application/fhir+json", "application/fhir+xml", "application/json+fhir", "application/xml+fhir"}

// negotiate returns the format that the header Accept prefers, of a request without
// _format: ndjson if it names none. A header that accepts only FHIR media types asks for
// a Binary resource, whatever the format, and is refused.
func negotiate(accept []endpoint.Weighted) (table.Format, error) {
	format, best := table.NDJSON, 0.0
	envelope, others := false, false
	for _, member := range accept {
		if member.Weight <= 0 {
			continue
		}
		if slices.Contains(envelopes, member.Name) {
			envelope = true
			continue
		}
		others = true
		if named, ok := acceptedFormats[member.Name]; ok && member.Weight > best {
			format, best = named, member.Weight
		}
	}
	if envelope && !others {
		return "", &problem.Problem{
			Status: http.StatusNotAcceptable, Code: "not-supported",
			Text: "not acceptable: rows are not wrapped in a FHIR Binary; accept one of " + strings.Join(slices.Sorted(maps.Keys(acceptedFormats)), ", "),
		}
	}
	return format, nil
}
