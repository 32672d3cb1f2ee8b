package sql

import (
	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/table"
)

// guide is the base of the canonical URLs of SQL on FHIR.
const guide = "http://hl7.org/fhir/uv/sql-on-fhir/"

// viewCanonical is the canonical URL of the type ViewDefinition.
const viewCanonical = "http://hl7.org/fhir/StructureDefinition/" + auth.ViewDefinition

// DefinitionPath is the path of the OperationDefinitions. The id of one follows.
const DefinitionPath = "/fhir/OperationDefinition/"

// operation is an operation that the server declares. Its own OperationDefinition lists
// only what works: the guide's would promise all parameters (SQL on FHIR, "Capability").
type operation struct {
	id, name, code, base, title string

	// typeLevel and instance are the levels in addition to the system level.
	typeLevel, instance bool

	parameters []parameter
}

// parameter is a parameter of an operation.
type parameter struct {
	name, use, max, fhirType, documentation string
	min                                     int

	// view means that the parameter refers to a ViewDefinition.
	view bool

	parts []parameter
}

// operations are the operations that the server declares.
func operations() []operation {
	run, export := runParameters(byReference, byResource), exportParameters(subjectParameter, byReference, byResource)
	return []operation{
		{id: "sluice-sql-run", name: "SluiceSQLRun", code: "sql-run", base: "SQLRun", title: "Run a view", parameters: run},
		{id: "sluice-sql-export", name: "SluiceSQLExport", code: "sql-export", base: "SQLExport", title: "Export views as tables", parameters: export},
		{
			id: "sluice-viewdefinition-run", name: "SluiceViewDefinitionRun", code: "viewdefinition-run", title: "Run a view (older name)", typeLevel: true, instance: true,
			parameters: runParameters("viewReference", "viewResource"),
		},
		{
			id: "sluice-viewdefinition-export", name: "SluiceViewDefinitionExport", code: "viewdefinition-export", title: "Export views as tables (older name)", typeLevel: true,
			parameters: exportParameters("view", "viewReference", "viewResource"),
		},
	}
}

// naming returns the parameters that name a subject.
func naming(reference, resource string) []parameter {
	return []parameter{
		{name: byCanonical, max: "1", fhirType: "canonical", view: true, documentation: "url or url|version of a stored view; without a version, the one that was stored last."},
		{name: reference, max: "1", fhirType: "Reference", view: true, documentation: "A stored view: ViewDefinition/[id]."},
		{name: resource, max: "1", fhirType: "Resource", documentation: "The view itself (POST only)."},
	}
}

// filters returns the parameters that select resources and the format of rows.
func filters(formats []table.Format) []parameter {
	return []parameter{
		{name: "_format", max: "1", fhirType: "code", documentation: "One of " + formatNames(formats) + "; default ndjson."},
		{name: "header", max: "1", fhirType: "boolean", documentation: "Whether CSV begins with the names of the columns; default true."},
		{name: "patient", max: "*", fhirType: "Reference", documentation: "Reads only the compartments of these patients; with group, they must be its members."},
		{name: "group", max: "1", fhirType: "Reference", documentation: "Reads only the compartments of the members of this Group."},
		{name: "_since", max: "1", fhirType: "instant", documentation: "Reads only resources that were changed after this time."},
	}
}

func runParameters(reference, resource string) []parameter {
	all := append(naming(reference, resource), filters(runFormats)...)
	return append(all,
		parameter{name: "_limit", max: "1", fhirType: "integer", documentation: "Maximum number of rows."},
		parameter{name: "return", use: "out", min: 1, max: "1", fhirType: "Binary", documentation: "The rows, in the media type of the format; never wrapped in a resource."},
	)
}

func exportParameters(subject, reference, resource string) []parameter {
	parts := append([]parameter{{name: "name", max: "1", fhirType: "string", documentation: "The name of the output; default: that of the view."}}, naming(reference, resource)...)
	all := append([]parameter{{name: subject, min: 1, max: "*", parts: parts, documentation: "A view; each becomes an output."}}, filters(exportFormats)...)
	out := func(name, fhirType string, min int, documentation string) parameter {
		return parameter{name: name, use: "out", min: min, max: "1", fhirType: fhirType, documentation: documentation}
	}
	return append(all,
		parameter{name: clientTrackingID, max: "1", fhirType: "string", documentation: "The client's own id of the export, which the responses repeat."},
		out(exportID, "string", 1, "The id of the export."),
		out(clientTrackingID, "string", 0, "That of the request."),
		out("status", "code", 1, "accepted, in-progress or completed; a failed export has an OperationOutcome."),
		out("_format", "code", 0, "The format of the files."),
		out("location", "uri", 1, "The URL of the status."),
		out("cancelUrl", "uri", 0, "The URL to DELETE."),
		out("exportStartTime", "instant", 0, "When the export was accepted."),
		out("exportEndTime", "instant", 0, "When the export ended."),
		out("exportDuration", "integer", 0, "In seconds."),
		out("transactionTime", "instant", 0, "The state of the data that all outputs show; the _since of a next export."),
		parameter{name: "output", use: "out", max: "*", documentation: "The files of a subject.", parts: []parameter{
			out("name", "string", 1, "The name of the output."),
			{name: "location", use: "out", min: 1, max: "*", fhirType: "uri", documentation: "The URL of a file."},
		}},
		parameter{name: "error", use: "out", max: "1", documentation: "The files of OperationOutcomes about what is missing from the outputs.", parts: []parameter{
			{name: "location", use: "out", min: 1, max: "*", fhirType: "uri", documentation: "The URL of a file."},
		}},
	)
}

// describe returns the parameter as an element of an OperationDefinition.
func (p parameter) describe(use string) gin.H {
	if p.use != "" {
		use = p.use
	}
	described := gin.H{"name": p.name, "use": use, "min": p.min, "max": p.max, "documentation": p.documentation}
	if p.fhirType != "" {
		described["type"] = p.fhirType
	}
	if p.view {
		described["targetProfile"] = []string{viewCanonical}
	}
	var parts []gin.H
	for _, part := range p.parts {
		parts = append(parts, part.describe(use))
	}
	if parts != nil {
		described["part"] = parts
	}
	return described
}

// Definition returns the OperationDefinition with the id, and whether there is one. base is
// the base URL of the server's FHIR resources.
func Definition(base, id string) (gin.H, bool) {
	for _, o := range operations() {
		if o.id == id {
			return o.definition(base), true
		}
	}
	return nil, false
}

func (o operation) definition(base string) gin.H {
	var parameters []gin.H
	for _, p := range o.parameters {
		parameters = append(parameters, p.describe("in"))
	}
	definition := gin.H{
		"resourceType": "OperationDefinition", "id": o.id, "url": base + "/OperationDefinition/" + o.id,
		"name": o.name, "title": o.title, "status": "active", "kind": "operation", "code": o.code,
		"system": true, "type": o.typeLevel, "instance": o.instance, "parameter": parameters,
	}
	if o.base != "" {
		definition["base"] = guide + "OperationDefinition/" + o.base
	}
	if o.typeLevel {
		definition["resource"] = []string{auth.ViewDefinition}
	}
	return definition
}

// Operations returns the operations for the CapabilityStatement of a server with the base
// URL.
func Operations(base string) (declared []gin.H) {
	for _, o := range operations() {
		declared = append(declared, gin.H{"name": o.code, "definition": base + "/OperationDefinition/" + o.id})
	}
	return declared
}

// Formats returns the media types of rows for the CapabilityStatement.
func Formats() (types []string) {
	for _, format := range runFormats {
		types = append(types, format.ContentType())
	}
	return types
}

// Resource returns the type ViewDefinition for the CapabilityStatement.
func Resource() gin.H {
	var interactions []gin.H
	for _, code := range []string{"read", "create", "update", "delete", "search-type"} {
		interactions = append(interactions, gin.H{"code": code})
	}
	return gin.H{
		"type":         auth.ViewDefinition,
		"profile":      viewCanonical,
		"interaction":  interactions,
		"versioning":   "versioned",
		"updateCreate": true,
		"searchParam": []gin.H{
			{"name": "_id", "type": "token"},
			{"name": "name", "type": "string"},
			{"name": "url", "type": "uri"},
			{"name": "version", "type": "string"},
		},
	}
}
