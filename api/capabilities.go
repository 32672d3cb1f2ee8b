package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/api/sql"
	"github.com/seed-90096f4d/sluice/fhir/search"
)

// What the CapabilityStatement declares (Bulk Data 3.0.0, "Server Capability
// Documentation").
const (
	bulkData    = "http://hl7.org/fhir/uv/bulkdata/"
	fhirVersion = "4.0.1"
)

// notExported marks a search parameter that a bulk export does not support (Bulk Data
// 3.0.0, "Operation Not Supported").
var notExported = []gin.H{{
	"url":            bulkData + "Extension/operation-not-supported",
	"valueCanonical": bulkData + "CapabilityStatement/bulk-data",
}}

// exportParameters lists the parameters of the operation at every level.
const exportParameters = "Parameters: _type, _since, _until, _typeFilter, _elements, includeAssociatedData, organizeOutputBy (Patient), " +
	"_outputFormat, _minimumFileSize, _maximumFileSize, allowPartialManifests"

func exportOperation(definition string) []gin.H {
	documentation := exportParameters + "."
	if definition != "export" {
		documentation = exportParameters + ", patient, onPatientError."
	}
	return []gin.H{{"name": "export", "definition": bulkData + "OperationDefinition/" + definition, "documentation": documentation}}
}

// metadata answers GET /fhir/metadata (FHIR R4, "capabilities").
func (a *API) metadata(c *gin.Context) error {
	if err := endpoint.AcceptsJSON(c); err != nil {
		return err
	}
	types, err := a.bulk.ExportableTypes(c.Request.Context())
	if err != nil {
		return err
	}
	base := a.baseURL(c) + "/fhir"
	document := a.capabilities.Load()
	if document == nil || document.base != base || !slices.Equal(document.types, types) {
		document = &capabilityDocument{base: base, types: types, text: a.describeCapabilities(base, types)}
		a.capabilities.Store(document)
	}
	c.Data(http.StatusOK, endpoint.FHIRType(c), document.text)
	return nil
}

// operationDefinition answers GET /fhir/OperationDefinition/<id>.
func (a *API) operationDefinition(c *gin.Context) error {
	if err := endpoint.AcceptsJSON(c); err != nil {
		return err
	}
	definition, ok := sql.Definition(a.baseURL(c)+"/fhir", c.Param("id"))
	if !ok {
		return problem.NotFound("there is no OperationDefinition with this id")
	}
	endpoint.WriteJSON(c, http.StatusOK, endpoint.ContentTypeFHIR, definition)
	return nil
}

// capabilityDocument is an encoded CapabilityStatement for a base URL and resource
// types.
type capabilityDocument struct {
	base  string
	types []string
	text  []byte
}

// describeCapabilities returns the CapabilityStatement of a FHIR server at base that
// exports the types.
func (a *API) describeCapabilities(base string, types []string) []byte {
	var resources []gin.H
	for _, resourceType := range types {
		resources = append(resources, describeType(resourceType))
	}
	resources = append(resources, sql.Resource())
	text, err := json.Marshal(gin.H{
		"resourceType":   "CapabilityStatement",
		"status":         "active",
		"date":           a.started.UTC().Format("2006-01-02T15:04:05Z"),
		"kind":           "instance",
		"instantiates":   []string{bulkData + "CapabilityStatement/bulk-data"},
		"software":       gin.H{"name": "Sluice", "version": a.config.Version},
		"implementation": gin.H{"description": "Bulk export of FHIR resources from PostgreSQL, and of tables (SQL on FHIR)", "url": base},
		"fhirVersion":    fhirVersion,
		"format":         append([]string{"application/fhir+json", "application/fhir+ndjson"}, sql.Formats()...),
		"rest": []gin.H{{
			"mode": "server",
			"documentation": "All listed resource types but ViewDefinition can be exported. Their search parameters are those of _typeFilter, " +
				"except those marked as not supported in an export. Only types with an interaction can be read directly.",
			"security":  a.describeSecurity(),
			"resource":  resources,
			"operation": append(exportOperation("export"), sql.Operations(base)...),
		}},
	})
	if err != nil {
		panic(err) // it consists of strings
	}
	return text
}

func (a *API) describeSecurity() gin.H {
	service := func(code string) gin.H {
		return gin.H{"coding": []gin.H{{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": code}}}
	}
	security := gin.H{
		"cors":        len(a.config.CORSOrigins) > 0,
		"description": "Clients authenticate. Their scopes, such as system/Patient.rs, determine which resource types they may read.",
		"service":     []gin.H{service("Basic")},
	}
	if a.issuesTokens() {
		security["service"] = []gin.H{service("Basic"), service("SMART-on-FHIR")}
		security["extension"] = []gin.H{{ // for clients of SMART App Launch 1 ("Conformance", "Using CapabilityStatement")
			"url":       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
			"extension": []gin.H{{"url": "token", "valueUri": a.tokenURL()}},
		}}
	}
	return security
}

func describeType(resourceType string) gin.H {
	described := gin.H{"type": resourceType}
	var parameters []gin.H
	for _, p := range search.Supported(resourceType) {
		parameters = append(parameters, gin.H{"name": p.Name, "definition": p.Definition, "type": p.Type})
	}
	switch resourceType {
	case "Patient":
		described["operation"] = exportOperation("patient-export")
	case "Group":
		parameters = append(parameters, gin.H{"extension": notExported, "name": "name", "type": "string"})
		described["interaction"] = []gin.H{{"code": "read"}, {"code": "search-type"}}
		described["operation"] = exportOperation("group-export")
	}
	if len(parameters) > 0 {
		described["searchParam"] = parameters
	}
	return described
}
