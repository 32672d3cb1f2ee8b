package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/fhir/search"
)

// What the CapabilityStatement declares (Bulk Data 3.0.0, "Server Capability
// Documentation").
const (
	bulkData    = "http://hl7.org/fhir/uv/bulkdata/"
	fhirVersion = "4.0.1"
)

// capabilityStatement is FHIR's CapabilityStatement with the elements that are used
// here.
type capabilityStatement struct {
	ResourceType   string            `json:"resourceType"`
	Status         string            `json:"status"`
	Date           string            `json:"date"`
	Kind           string            `json:"kind"`
	Instantiates   []string          `json:"instantiates"`
	Software       map[string]string `json:"software"`
	Implementation map[string]string `json:"implementation"`
	FHIRVersion    string            `json:"fhirVersion"`
	Format         []string          `json:"format"`
	Rest           []restCapability  `json:"rest"`
}

type restCapability struct {
	Mode          string               `json:"mode"`
	Documentation string               `json:"documentation"`
	Security      securityCapability   `json:"security"`
	Resource      []resourceCapability `json:"resource"`
	Operation     []operation          `json:"operation"`
}

type securityCapability struct {
	Extension   []oauthExtension  `json:"extension,omitempty"`
	CORS        bool              `json:"cors"`
	Service     []securityConcept `json:"service"`
	Description string            `json:"description"`
}

type resourceCapability struct {
	Type        string            `json:"type"`
	Interaction []interaction     `json:"interaction,omitempty"`
	SearchParam []searchParameter `json:"searchParam,omitempty"`
	Operation   []operation       `json:"operation,omitempty"`
}

type interaction struct {
	Code string `json:"code"`
}

type searchParameter struct {
	Extension  []canonicalExtension `json:"extension,omitempty"`
	Name       string               `json:"name"`
	Definition string               `json:"definition,omitempty"`
	Type       string               `json:"type"`
}

type canonicalExtension struct {
	URL            string `json:"url"`
	ValueCanonical string `json:"valueCanonical"`
}

// notExported marks a search parameter that a bulk export does not support (Bulk Data
// 3.0.0, "Operation Not Supported").
var notExported = []canonicalExtension{{bulkData + "Extension/operation-not-supported", bulkData + "CapabilityStatement/bulk-data"}}

type operation struct {
	Name          string `json:"name"`
	Definition    string `json:"definition"`
	Documentation string `json:"documentation,omitempty"`
}

// exportParameters lists the parameters of the operation at every level.
const exportParameters = "Parameters: _type, _since, _until, _typeFilter, _elements, includeAssociatedData, organizeOutputBy (Patient), " +
	"_outputFormat, _minimumFileSize, _maximumFileSize, allowPartialManifests"

// exportOperation returns the operation with the given definition.
func exportOperation(definition string) []operation {
	documentation := exportParameters + "."
	if definition != "export" {
		documentation = exportParameters + ", patient, onPatientError."
	}
	return []operation{{"export", bulkData + "OperationDefinition/" + definition, documentation}}
}

// metadata answers GET /fhir/metadata (FHIR R4, "capabilities").
func (a *API) metadata(c *gin.Context) error {
	if err := endpoint.AcceptsJSON(c); err != nil {
		return err
	}
	types, err := a.exports.ExportableTypes(c.Request.Context())
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

// capabilityDocument is an encoded CapabilityStatement for a base URL and resource
// types.
type capabilityDocument struct {
	base  string
	types []string
	text  []byte
}

// capabilityCache holds the last one: they are large.
type capabilityCache = atomic.Pointer[capabilityDocument]

// describeCapabilities returns the CapabilityStatement of a FHIR server at base that
// exports the types.
func (a *API) describeCapabilities(base string, types []string) []byte {
	statement := capabilityStatement{
		ResourceType: "CapabilityStatement",
		Status:       "active",
		Date:         a.started.UTC().Format("2006-01-02T15:04:05Z"),
		Kind:         "instance",
		Instantiates: []string{bulkData + "CapabilityStatement/bulk-data"},
		Software:     map[string]string{"name": "Sluice", "version": a.config.Version},
		Implementation: map[string]string{
			"description": "Bulk export of FHIR resources from PostgreSQL",
			"url":         base,
		},
		FHIRVersion: fhirVersion,
		Format:      []string{"application/fhir+json", "application/fhir+ndjson"},
		Rest: []restCapability{{
			Mode: "server",
			Documentation: "All listed resource types can be exported. Their search parameters are those of _typeFilter, " +
				"except those marked as not supported in an export. Only types with an interaction can be read directly.",
			Security: securityCapability{
				Extension:   a.token.oauthAddresses(),
				CORS:        len(a.config.CORSOrigins) > 0,
				Service:     a.token.securityServices(),
				Description: "Clients authenticate. Their scopes, such as system/Patient.rs, determine which resource types they may read.",
			},
			Operation: exportOperation("export"),
		}},
	}
	for _, resourceType := range types {
		statement.Rest[0].Resource = append(statement.Rest[0].Resource, describeType(resourceType))
	}
	text, err := json.Marshal(statement)
	if err != nil {
		panic(err) // it consists of strings
	}
	return text
}

// describeType returns the capabilities of a resource type.
func describeType(resourceType string) resourceCapability {
	described := resourceCapability{Type: resourceType}
	for _, p := range search.Supported(resourceType) {
		described.SearchParam = append(described.SearchParam, searchParameter{Name: p.Name, Definition: p.Definition, Type: p.Type})
	}
	switch resourceType {
	case "Patient":
		described.Operation = exportOperation("patient-export")
	case "Group":
		described.Interaction = []interaction{{"read"}, {"search-type"}}
		described.SearchParam = append(described.SearchParam, searchParameter{Extension: notExported, Name: "name", Type: "string"})
		described.Operation = exportOperation("group-export")
	}
	return described
}
