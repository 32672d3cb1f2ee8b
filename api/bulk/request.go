package bulk

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

// maxValues bounds the values of all parameters of a kick-off together: it allows
// ten thousand patients, and checking each takes no more than a second.
const maxValues = 20_000

// requestBuilder builds the request of an export from the parameters of a kick-off.
type requestBuilder struct {
	exports *Exports
	client  auth.Client
	params  *endpoint.Parameters
	request jobs.Request

	// addsProvenance means that only includeAssociatedData exports the type
	// Provenance.
	addsProvenance bool

	// ignoresPatients is the parameter onPatientError=ignore.
	ignoresPatients bool
}

// buildRequest checks a kick-off, in the order syntax, permission and existence,
// and returns what to export. Its output is strict FHIR.
func (e *Exports) buildRequest(call *endpoint.Call, level jobs.Level, group string) (request jobs.Request, err error) {
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return request, err
	}
	params, err := e.kickOffParameters(call)
	if err != nil {
		return request, err
	}
	if err := params.CheckCount(maxValues); err != nil {
		return request, err
	}
	params.Lenient, params.Base = endpoint.PrefersLenient(call.Context), call.FHIRBase()
	endpoint.ReadFormat(params)

	b := &requestBuilder{exports: e, client: call.Client, params: params}
	b.request = jobs.Request{Level: level, Group: group, FHIR: true, Style: e.config.Style}
	if err := b.parse(); err != nil {
		return request, err
	}
	if err := params.Finish(); err != nil {
		return request, err
	}
	if err := endpoint.AllowGroup(call.Client, group); err != nil {
		return request, err
	}
	if err := b.checkExistence(call.Ctx()); err != nil {
		return request, err
	}
	if err := params.Verdict(); err != nil {
		return request, err
	}
	b.request.SeparateStatus = endpoint.Prefers(call.Context, endpoint.SeparateStatus)
	b.request.Warnings = params.Warnings
	return b.request, nil
}

// parse reads the parameters into the request. It also checks the client's scopes,
// so that all refused types are reported in one response, but no database.
func (b *requestBuilder) parse() error {
	b.parseTypes()
	b.parsePeriod()
	b.parseFileSizes()
	b.parseOrganizeBy()
	b.request.PartialManifests = b.params.Boolean("allowPartialManifests")
	b.parseOutputFormat()
	if err := b.parseElements(); err != nil {
		return err
	}
	if err := b.parseFilters(); err != nil {
		return err
	}
	if b.request.Level != jobs.SystemLevel {
		b.parsePatients()
	}
	b.parseAssociated()
	return nil
}

func (b *requestBuilder) checkExistence(ctx context.Context) error {
	if err := b.checkGroup(ctx); err != nil {
		return err
	}
	b.checkTables(ctx)
	b.checkOrganizeBy()
	return b.checkPatients(ctx)
}

// parseTypes parses _type: the resource types to export, or all of the level that
// the client's scopes cover.
func (b *requestBuilder) parseTypes() {
	types, named := b.params.List("_type")
	b.request.Existing = named
	if !named {
		b.request.Types = slices.DeleteFunc(slices.Clone(b.exports.config.Types), func(resourceType string) bool {
			return !b.client.Scopes.AllowsType(resourceType, true) || !b.inLevel(resourceType)
		})
		if len(b.request.Types) == 0 {
			_ = b.params.Refuse(problem.Forbidden("_type", "the client's scopes cover no resource type of FHIR"))
		}
		return
	}
	for _, resourceType := range types {
		if err := b.checkType(resourceType); err != nil {
			_ = b.params.Forgive(err)
		} else if !slices.Contains(b.request.Types, resourceType) {
			b.request.Types = append(b.request.Types, resourceType)
		}
	}
	b.requireTypes()
}

// requireTypes refuses a request of which no type is left: to export all types
// instead would be more than the client asked for.
func (b *requestBuilder) requireTypes() {
	if len(b.request.Types) == 0 && !b.params.Refused() {
		_ = b.params.Refuse(problem.Invalid("_type", "_type contains no resource type that can be exported"))
	}
}

func (b *requestBuilder) checkType(resourceType string) error {
	switch {
	case !b.exports.config.Types.Has(resourceType):
		return problem.Invalid("_type", "_type: %s is not a resource type of FHIR R4", problem.Quote(resourceType))
	case !b.inLevel(resourceType):
		return problem.Invalid("_type", "_type: %s is not in the patient compartment; it can be exported at system level only", resourceType)
	}
	return b.exports.config.Types.Allow(b.client, "_type", resourceType)
}

// inLevel reports whether the level of the export includes resources of the type.
func (b *requestBuilder) inLevel(resourceType string) bool {
	return b.request.Level == jobs.SystemLevel || search.InCompartment(resourceType)
}

func (b *requestBuilder) parsePeriod() {
	after, before := b.params.Since(), b.params.Time("_until")
	if !before.IsZero() && !after.Before(before) {
		_ = b.params.Refuse(problem.Invalid("_until", "_until must be later than _since"))
	}
	b.request.ChangedAfter, b.request.ChangedBefore = after, before
}

// parseFileSizes parses the limits of a file's ndjson, in bytes before compression
// (Bulk Data 4.0.0-ballot, "_minimumFileSize", "_maximumFileSize").
func (b *requestBuilder) parseFileSizes() {
	smallest, largest := b.params.Size("_minimumFileSize", 1), b.params.Size("_maximumFileSize", jobs.MinMaxFileBytes)
	if largest > 0 && smallest >= largest {
		_ = b.params.Refuse(problem.Invalid("_minimumFileSize", "_minimumFileSize must be less than _maximumFileSize"))
	}
	b.request.MinFileBytes, b.request.MaxFileBytes = smallest, largest
}

// outputFormats are the supported names of ndjson (Bulk Data 3.0.0, "Query
// Parameters"), and Aidbox's for files that stay compressed.
var outputFormats = []string{jobs.NDJSON, "application/ndjson", "ndjson", jobs.GzipNDJSON}

func (b *requestBuilder) parseOutputFormat() {
	value, ok := b.params.One("_outputFormat")
	if !ok {
		return
	}
	format := endpoint.RestorePlus(value)
	if !slices.Contains(outputFormats, format) {
		_ = b.params.Forgive(unsupportedValue("_outputFormat", outputFormats, value))
	}
	b.request.RawGzip = format == jobs.GzipNDJSON
}

// organizedBy is the only resource type by which output can be organized.
const organizedBy = "Patient"

// parseOrganizeBy parses organizeOutputBy: whether files contain one block per
// patient (Bulk Data 3.0.0, "Query Parameters").
func (b *requestBuilder) parseOrganizeBy() {
	value, ok := b.params.One("organizeOutputBy")
	if ok && value != organizedBy {
		_ = b.params.Forgive(unsupportedValue("organizeOutputBy", []string{organizedBy}, value))
		return
	}
	b.request.OrganizeBy = value
}

// checkOrganizeBy requires a type with patient blocks if output is organized by
// patient.
func (b *requestBuilder) checkOrganizeBy() {
	if b.request.OrganizeBy == "" || slices.ContainsFunc(b.request.Types, search.InCompartment) {
		return
	}
	b.request.OrganizeBy = ""
	_ = b.params.Forgive(problem.Invalid("organizeOutputBy", "organizeOutputBy: none of the resource types to export is in the patient compartment"))
}

func unsupportedValue(parameter string, supported []string, value string) error {
	return problem.NotSupported(parameter, "%s must be %s, got %s", parameter, oneOf(supported), problem.Quote(value))
}

// oneOf lists values for a sentence: a, b or c.
func oneOf(values []string) string {
	last := len(values) - 1
	if last == 0 {
		return values[0]
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

// kickOffParameters returns the parameters of a kick-off, from the query and, of a
// POST, from the body (Bulk Data 3.0.0, "Bulk Data Kick-off Request"), which may be
// empty.
func (e *Exports) kickOffParameters(call *endpoint.Call) (*endpoint.Parameters, error) {
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil || call.Request.Method != http.MethodPost {
		return params, err
	}
	body, release, err := e.config.Bodies.Read(call)
	if err != nil {
		return nil, err
	}
	defer release()
	parameters, err := endpoint.ParseParameters(body)
	if err != nil {
		return nil, err
	}
	for i, parameter := range parameters {
		params.Add(i, parameter)
	}
	return params, nil
}
