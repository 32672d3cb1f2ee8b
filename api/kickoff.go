package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

// outputFormats are the names of ndjson that a client may ask for (Bulk Data
// 3.0.0, "Query Parameters"), and Aidbox's for files that stay compressed.
var outputFormats = []string{jobs.NDJSON, "application/ndjson", "ndjson", jobs.GzipNDJSON}

// export answers a kick-off at the level that the request says. Its output is
// strict FHIR.
func (a *API) export(c *gin.Context, client auth.Client, request jobs.Request) error {
	if err := allowGroup(client, request.Group); err != nil {
		return err
	}
	if err := acceptsJSON(c); err != nil {
		return err
	}
	params, err := a.readRequest(c, client)
	if err != nil {
		return err
	}
	if err := params.checkCount(maxValues); err != nil {
		return err
	}
	params.lenient, params.base = prefersLenient(c), a.baseURL(c)+"/fhir"
	readFormat(params)
	if request, err = a.readExport(c.Request.Context(), params, client, request); err != nil {
		return err
	}
	if err := params.end(); err != nil {
		return err
	}
	request.SeparateStatus = prefers(c, separateStatus)
	request.Warnings = params.warnings
	return a.accept(c, client, request, applied(c))
}

// readExport adds the parameters of a kick-off to the request.
func (a *API) readExport(ctx context.Context, params *parameters, client auth.Client, request jobs.Request) (_ jobs.Request, err error) {
	request.FHIR, request.Style = true, a.config.Style
	request.Style.VersionIDAsString = true
	request.Types, request.Existing, err = a.readTypes(ctx, params, client, request.Level)
	if err = params.refuse(err); err != nil {
		return request, err
	}
	request.ChangedAfter, request.ChangedBefore = readPeriod(params)
	request.MinFileBytes, request.MaxFileBytes = readFileSizes(params)
	request.OrganizeBy = readOrganizeBy(params, request.Types)
	request.PartialManifests = params.boolean("allowPartialManifests")
	request.RawGzip = readOutputFormat(params)
	request.Elements, err = readElements(params, request.Types)
	if err = params.refuse(err); err != nil {
		return request, err
	}
	request.Filters, err = readFilters(params, request.Types)
	if err = params.refuse(err); err != nil {
		return request, err
	}
	if request.Level != jobs.SystemLevel {
		request.Patients, err = a.readPatients(ctx, params, request)
		if err = params.refuse(err); err != nil {
			return request, err
		}
	}
	err = a.readAssociated(ctx, params, client, &request)
	return request, params.refuse(err)
}

// readPeriod reads the times between which what is asked for was changed.
func readPeriod(params *parameters) (after, before time.Time) {
	after, before = params.since(), params.time("_until")
	if !before.IsZero() && !after.Before(before) {
		_ = params.refuse(invalid("_until", "_until is not later than _since: nothing lies between them"))
	}
	return after, before
}

// acceptDump makes an export of a $dump: what the synchronous one gives, in
// files.
func (a *API) acceptDump(c *gin.Context, client auth.Client, request dumpRequest) error {
	return a.accept(c, client, jobs.Request{
		Types:        []string{request.table.Type},
		Existing:     true,
		CreatedAfter: request.since,
		FHIR:         request.format.FHIR,
		Style:        request.format.Style,
	}, []string{respondAsync})
}

// retryExport is when a client whose kick-off found too many exports running
// should try again.
const retryExport = 30 * time.Second

// retryStored is the same for a client that has too much in the object store.
const retryStored = 5 * time.Minute

// limitReached refuses a kick-off that a limit does not allow, and names the remedy.
func limitReached(limit *jobs.LimitError) error {
	if limit.Kind == jobs.RunningExports {
		return throttled(limit.Error()+"; another can start when one has ended", retryExport)
	}
	return throttled(limit.Error()+"; delete exports that are no longer needed (DELETE on their status URL), or wait until they expire", retryStored)
}

// accept writes the kick-off down and answers where to ask for its status (Bulk
// Data 3.0.0, "Response - Success"), and which of its preferences were applied.
func (a *API) accept(c *gin.Context, client auth.Client, request jobs.Request, preferences []string) error {
	if wait := a.kickOffRate.TakePerMinute(client.ID, client.Rates.KickOffs.Or(a.config.ClientKickOffs)); wait > 0 {
		return throttled("the client kicks off exports too often", wait)
	}
	// A POST keeps its parameters in the body, so its URL has none.
	request.URL = a.baseURL(c) + c.Request.URL.RequestURI()
	id, err := a.config.Exports.Accept(c.Request.Context(), client.ID, request)
	var limit *jobs.LimitError
	if errors.As(err, &limit) {
		return limitReached(limit)
	}
	if err != nil {
		return unavailable(err)
	}
	c.Set(keyTypes, request.Types)
	location := a.baseURL(c) + "/fhir/$export-status/" + id.String()
	c.Header("Content-Location", location)
	if len(preferences) > 0 {
		c.Header("Preference-Applied", strings.Join(preferences, ", "))
	}
	a.writeJSON(c, http.StatusAccepted, contentTypeFHIR, fhir.NewOutcome(fhir.OutcomeIssue{
		Severity: "information", Code: "informational", Diagnostics: "the export is accepted; its status is at " + location,
	}))
	return nil
}

// applied lists the preferences that an $export applies, of those that the request
// states (RFC 7240).
func applied(c *gin.Context) (preferences []string) {
	for _, preference := range []string{respondAsync, separateStatus} {
		if prefers(c, preference) {
			preferences = append(preferences, preference)
		}
	}
	if prefersLenient(c) {
		preferences = append(preferences, handling+"="+lenient)
	}
	return preferences
}

// readTypes returns the resource types to export: those of _type, which is named,
// or all of the level that the client may take.
func (a *API) readTypes(ctx context.Context, params *parameters, client auth.Client, level jobs.Level) (types []string, named bool, err error) {
	asked, named := params.list("_type")
	if !named {
		types = slices.DeleteFunc(slices.Clone(a.config.ResourceTypes), func(resourceType string) bool {
			return !client.Scopes.AllowsType(resourceType, true) || !belongs(resourceType, level)
		})
		if len(types) == 0 {
			return nil, named, forbidden("_type", "the client's scopes cover no resource type of FHIR")
		}
	}
	for _, resourceType := range asked {
		switch err := a.checkType(client, resourceType, level); {
		case err != nil && params.forgive(err) != nil:
			return nil, named, err
		case err == nil && !slices.Contains(types, resourceType):
			types = append(types, resourceType)
		}
	}
	if types, err = a.checkTables(ctx, params, types, named); err != nil {
		return types, named, err
	}
	if len(types) == 0 && len(params.problems) == 0 { // to export everything instead would be more than was asked for
		return a.config.ResourceTypes, named, invalid("_type", "_type names no resource type that can be exported")
	}
	return types, named, nil
}

// checkType wants a resource type of FHIR that the level has and that the client
// may take.
func (a *API) checkType(client auth.Client, resourceType string, level jobs.Level) error {
	switch {
	case !a.isStandard(resourceType):
		return invalid("_type", "_type names resource types of FHIR R4, and %s is none", quote(resourceType))
	case !belongs(resourceType, level):
		return invalid("_type", "_type: %s is in no patient's compartment; it can be exported at system level", resourceType)
	}
	return a.allow(client, "_type", resourceType)
}

// belongs tells whether there can be resources of the type at the level.
func belongs(resourceType string, level jobs.Level) bool {
	return level == jobs.SystemLevel || search.InCompartment(resourceType)
}

// readOutputFormat tells whether the files are asked for as they are stored. A
// plus that was not percent-encoded reached us as a space.
func readOutputFormat(params *parameters) (rawGzip bool) {
	value, ok := params.one("_outputFormat")
	if !ok {
		return false
	}
	format := strings.ReplaceAll(value, " ", "+")
	if !slices.Contains(outputFormats, format) {
		_ = params.forgive(&problem{
			status: http.StatusBadRequest, code: "not-supported", parameter: "_outputFormat",
			text: fmt.Sprintf("_outputFormat is one of %s, not %s", strings.Join(outputFormats, ", "), quote(value)),
		})
	}
	return format == jobs.GzipNDJSON
}
