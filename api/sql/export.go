package sql

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// maxNameBytes bounds the name of an output, which is part of object keys.
	maxNameBytes = 200

	// maxTrackingBytes bounds clientTrackingId.
	maxTrackingBytes = 1000
)

// The names of parameters in responses (SQL on FHIR, $sql-export).
const (
	exportID         = "exportId"
	clientTrackingID = "clientTrackingId"
)

// Export returns the handler of POST /fhir/$sql-export, which starts an export of the rows
// of views. older makes it the handler of $viewdefinition-export.
func (v *Views) Export(older bool) endpoint.Handler {
	return func(call *endpoint.Call) error {
		if call.Request.Method != http.MethodPost {
			return problem.Required("", "an export is started by POST with a Parameters resource and Prefer: respond-async")
		}
		if err := v.config.Delivery.TakeKickOff(call.Client); err != nil {
			return err
		}
		request, err := v.checkExport(call, older)
		if err != nil {
			v.config.Delivery.RefundKickOff(call.Client)
			return err
		}
		return v.accept(call, request)
	}
}

// checkExport checks a request and the client's permissions for it.
func (v *Views) checkExport(call *endpoint.Call, older bool) (request jobs.Request, err error) {
	c, err := v.newChecker(call, older, refusedByExport)
	if err != nil {
		return request, err
	}
	if !endpoint.Prefers(call.Context, endpoint.RespondAsync) {
		_ = c.params.Refuse(problem.Required("", "an export requires Prefer: respond-async"))
	}
	tables := &jobs.Tables{Format: string(exportFormats[0])}
	if format, ok := c.parseFormat(exportFormats, "invalid"); ok {
		tables.Format = string(format)
	}
	tables.NoHeader, tables.TrackingID = c.parseHeader(), c.parseTrackingID()
	c.parseSelection()
	subjects := c.exportSubjects()
	c.params.RefuseUnread()
	for _, s := range subjects {
		if err := c.resolve(s); err != nil {
			return request, err
		}
	}
	if err := c.checkSelection(call.Ctx()); err != nil {
		return request, err
	}
	tables.Views = c.outputs(subjects)
	if err := c.verdict(); err != nil {
		return request, err
	}
	return jobs.Request{
		Level:        c.level(),
		Group:        c.group,
		Patients:     c.patients,
		Types:        types(subjects),
		Existing:     true,
		Tables:       tables,
		ChangedAfter: c.since,
		FHIR:         true,
		Style:        v.config.Style,
	}, nil
}

func (c *checker) parseTrackingID() string {
	value, _ := c.params.One(clientTrackingID)
	if len(value) > maxTrackingBytes || !endpoint.Storable(value) {
		_ = c.params.Refuse(problem.Invalid(clientTrackingID, "%s must be text of at most %d bytes", clientTrackingID, maxTrackingBytes))
	}
	return value
}

// level returns the level of an export of the selection.
func (s selection) level() jobs.Level {
	switch {
	case s.group != "":
		return jobs.GroupLevel
	case s.patients != nil:
		return jobs.PatientLevel
	}
	return jobs.SystemLevel
}

// types returns the distinct resource types that the subjects read.
func types(subjects []*subject) (all []string) {
	for _, s := range subjects {
		if !slices.Contains(all, s.view.Resource) {
			all = append(all, s.view.Resource)
		}
	}
	return all
}

// outputs returns the views of an export with their names: the given name, else the name
// of the view, else a generated one. Two names must differ, also as names of files on a
// system that does not distinguish upper and lower case.
func (c *checker) outputs(subjects []*subject) []jobs.View {
	outputs := make([]jobs.View, len(subjects))
	taken := map[string]string{} // names by the names of files in lower case
	for i, s := range subjects {
		outputs[i] = jobs.View{Name: s.name, Definition: s.document}
		if s.name == "" && s.view != nil {
			outputs[i].Name = s.view.Name
		}
		c.takeName(taken, outputs[i])
	}
	for i := range outputs {
		for n := i + 1; outputs[i].Name == ""; n++ {
			if name := fmt.Sprintf("view%d", n); taken[name] == "" {
				outputs[i].Name, taken[name] = name, name
			}
		}
	}
	return outputs
}

// takeName records a problem if the name of the output is taken or too long. An output
// without a name takes none.
func (c *checker) takeName(taken map[string]string, output jobs.View) {
	if output.Name == "" {
		return
	}
	if len(output.Name) > maxNameBytes {
		_ = c.params.Refuse(problem.Invalid(c.named(subjectParameter), "the name of an output must have at most %d bytes, got %d; a subject can have a name of its own", maxNameBytes, len(output.Name)))
		return
	}
	file := strings.ToLower(output.FileName())
	if other, found := taken[file]; found {
		_ = c.params.Refuse(problem.Invalid(c.named(subjectParameter), "the names of two outputs must differ, also as names of files in lower case (%s): %s and %s", file, problem.Quote(other), problem.Quote(output.Name)))
		return
	}
	taken[file] = output.Name
}

// accept records an export and answers with the address of its status.
func (v *Views) accept(call *endpoint.Call, request jobs.Request) error {
	id, err := v.config.Delivery.Accept(call, request)
	if err != nil {
		return err
	}
	location := statusURL(call, id.String())
	call.Header("Content-Location", location)
	call.Header("Preference-Applied", endpoint.RespondAsync)
	endpoint.WriteJSON(call.Context, http.StatusAccepted, endpoint.ContentTypeFHIR, interim(id.String(), request.Tables.TrackingID, "accepted", location))
	return nil
}

// interim returns the body of the response about an export that has not ended.
func interim(id, trackingID, status, location string) gin.H {
	parameters := []gin.H{{"name": exportID, "valueString": id}}
	if trackingID != "" {
		parameters = append(parameters, gin.H{"name": clientTrackingID, "valueString": trackingID})
	}
	parameters = append(parameters,
		gin.H{"name": "status", "valueCode": status},
		gin.H{"name": "location", "valueUri": location},
		gin.H{"name": "cancelUrl", "valueUri": location},
	)
	return gin.H{"resourceType": "Parameters", "parameter": parameters}
}

// statusURL returns the URL of the status of an export.
func statusURL(call *endpoint.Call, id string) string {
	return call.BaseURL + ExportPath + "/" + id + "/status"
}

// resultURL returns the URL of the result of an export.
func resultURL(call *endpoint.Call, id string) string {
	return strings.TrimSuffix(statusURL(call, id), "status") + "result"
}
