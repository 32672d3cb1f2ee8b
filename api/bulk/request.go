package bulk

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

// maxValues bounds the values of all parameters of a kick-off together: it allows
// ten thousand patients, and checking each takes no more than a second.
const maxValues = 20_000

// kickOff builds the request of an export from the parameters of a kick-off.
type kickOff struct {
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

	k := &kickOff{exports: e, client: call.Client, params: params}
	k.request = jobs.Request{Level: level, Group: group, FHIR: true, Style: e.config.Style}
	if err := k.parse(); err != nil {
		return request, err
	}
	if err := params.Finish(); err != nil {
		return request, err
	}
	if err := endpoint.AllowGroup(call.Client, group); err != nil {
		return request, err
	}
	if err := k.checkExistence(call.Ctx()); err != nil {
		return request, err
	}
	if err := params.Verdict(); err != nil {
		return request, err
	}
	k.request.SeparateStatus = endpoint.Prefers(call.Context, endpoint.SeparateStatus)
	k.request.Warnings = params.Warnings
	return k.request, nil
}

// parse reads the parameters into the request. It also checks the client's scopes,
// so that all refused types are reported in one response, but no database.
func (k *kickOff) parse() error {
	k.parseTypes()
	k.parsePeriod()
	k.parseFileSizes()
	k.parseOrganizeBy()
	k.request.PartialManifests = k.params.Boolean("allowPartialManifests")
	k.parseOutputFormat()
	if err := k.parseElements(); err != nil {
		return err
	}
	if err := k.parseFilters(); err != nil {
		return err
	}
	if k.request.Level != jobs.SystemLevel {
		k.parsePatients()
	}
	k.parseAssociated()
	return nil
}

// checkExistence checks that what the request names exists and can be read.
func (k *kickOff) checkExistence(ctx context.Context) error {
	if err := k.checkGroup(ctx); err != nil {
		return err
	}
	k.checkTables(ctx)
	k.checkOrganizeBy()
	return k.checkPatients(ctx)
}

// parseTypes parses _type: the resource types to export, or all of the level that
// the client's scopes cover.
func (k *kickOff) parseTypes() {
	types, named := k.params.List("_type")
	k.request.Existing = named
	if !named {
		k.request.Types = k.coveredTypes()
		if len(k.request.Types) == 0 {
			_ = k.params.Refuse(problem.Forbidden("_type", "the client's scopes cover no resource type of FHIR"))
		}
		return
	}
	for _, resourceType := range types {
		if err := k.checkType(resourceType); err != nil {
			_ = k.params.Forgive(err)
		} else if !slices.Contains(k.request.Types, resourceType) {
			k.request.Types = append(k.request.Types, resourceType)
		}
	}
	k.requireTypes()
}

// coveredTypes returns the resource types of the level that the client's scopes
// cover.
func (k *kickOff) coveredTypes() []string {
	return slices.DeleteFunc(slices.Clone(k.exports.config.Types), func(resourceType string) bool {
		return !k.client.Scopes.AllowsType(resourceType, true) || !k.inLevel(resourceType)
	})
}

// requireTypes refuses a request of which no type is left: to export all types
// instead would be more than the client asked for.
func (k *kickOff) requireTypes() {
	if len(k.request.Types) == 0 && !k.params.Refused() {
		_ = k.params.Refuse(problem.Invalid("_type", "_type contains no resource type that can be exported"))
	}
}

// checkType returns why a type named in _type cannot be exported.
func (k *kickOff) checkType(resourceType string) error {
	switch {
	case !k.exports.config.Types.Has(resourceType):
		return problem.Invalid("_type", "_type: %s is not a resource type of FHIR R4", problem.Quote(resourceType))
	case !k.inLevel(resourceType):
		return problem.Invalid("_type", "_type: %s is not in the patient compartment; it can be exported at system level only", resourceType)
	}
	return k.exports.config.Types.Allow(k.client, "_type", resourceType)
}

// inLevel reports whether the level of the export includes resources of the type.
func (k *kickOff) inLevel(resourceType string) bool {
	return k.request.Level == jobs.SystemLevel || search.InCompartment(resourceType)
}

// parsePeriod parses _since and _until.
func (k *kickOff) parsePeriod() {
	after, before := k.params.Since(), k.params.Time("_until")
	if !before.IsZero() && !after.Before(before) {
		_ = k.params.Refuse(problem.Invalid("_until", "_until must be later than _since"))
	}
	k.request.ChangedAfter, k.request.ChangedBefore = after, before
}

// parseFileSizes parses the limits of a file's ndjson, in bytes before compression
// (Bulk Data 4.0.0-ballot, "_minimumFileSize", "_maximumFileSize").
func (k *kickOff) parseFileSizes() {
	smallest, largest := k.params.Size("_minimumFileSize", 1), k.params.Size("_maximumFileSize", jobs.MinMaxFileBytes)
	if largest > 0 && smallest >= largest {
		_ = k.params.Refuse(problem.Invalid("_minimumFileSize", "_minimumFileSize must be less than _maximumFileSize"))
	}
	k.request.MinFileBytes, k.request.MaxFileBytes = smallest, largest
}

// outputFormats are the supported names of ndjson (Bulk Data 3.0.0, "Query
// Parameters"), and Aidbox's for files that stay compressed.
var outputFormats = []string{jobs.NDJSON, "application/ndjson", "ndjson", jobs.GzipNDJSON}

// parseOutputFormat parses _outputFormat.
func (k *kickOff) parseOutputFormat() {
	value, ok := k.params.One("_outputFormat")
	if !ok {
		return
	}
	format := endpoint.RestorePlus(value)
	if !slices.Contains(outputFormats, format) {
		_ = k.params.Forgive(unsupportedValue("_outputFormat", outputFormats, value))
	}
	k.request.RawGzip = format == jobs.GzipNDJSON
}

// organizedBy is the only resource type by which output can be organized.
const organizedBy = "Patient"

// parseOrganizeBy parses organizeOutputBy: whether files contain one block per
// patient (Bulk Data 3.0.0, "Query Parameters").
func (k *kickOff) parseOrganizeBy() {
	value, ok := k.params.One("organizeOutputBy")
	if ok && value != organizedBy {
		_ = k.params.Forgive(unsupportedValue("organizeOutputBy", []string{organizedBy}, value))
		return
	}
	k.request.OrganizeBy = value
}

// checkOrganizeBy requires a type with patient blocks if output is organized by
// patient.
func (k *kickOff) checkOrganizeBy() {
	if k.request.OrganizeBy == "" || slices.ContainsFunc(k.request.Types, search.InCompartment) {
		return
	}
	k.request.OrganizeBy = ""
	_ = k.params.Forgive(problem.Invalid("organizeOutputBy", "organizeOutputBy: none of the resource types to export is in the patient compartment"))
}

// unsupportedValue refuses a value of a parameter that has few.
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

// bodyRetry is the delay after which a client may send a large body again; reading
// one takes less than a second.
const bodyRetry = time.Second

// kickOffParameters returns the parameters of a kick-off, from the query and, of a
// POST, from the body.
func (e *Exports) kickOffParameters(call *endpoint.Call) (*endpoint.Parameters, error) {
	if call.Request.Method != http.MethodPost {
		return endpoint.QueryParameters(call.Context)
	}
	if size := call.Request.ContentLength; size < 0 || size >= largeBody { // -1 is unknown
		release, ok := e.largeBodies.TryAcquire(call.Client.ID)
		if !ok {
			return nil, problem.Throttled("too many concurrent requests with large bodies", bodyRetry)
		}
		defer release()
	}
	return bodyParameters(call.Context)
}
