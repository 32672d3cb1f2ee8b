package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Request is what a kick-off asked for. It contains all settings that apply, so that a
// later change of settings does not affect a running export.
type Request struct {
	// URL is the kick-off's full URL, for the manifest.
	URL string `json:"url"`

	// Level is whose resources are exported.
	Level Level `json:"level,omitempty"`

	// Group is the id of the Group whose members' resources are exported, at
	// GroupLevel.
	Group string `json:"group,omitempty"`

	// Patients, if set, are the ids of the only patients whose resources are exported.
	// At GroupLevel they were members at the kick-off; only those that are members
	// when the export begins count.
	Patients []string `json:"patients,omitempty"`

	// Filters are FHIR searches by resource type. Of a type that has some, only
	// resources that match at least one are exported.
	Filters map[string][]string `json:"filters,omitempty"`

	// Associated is which Provenance resources are exported with the others, apart
	// from SystemLevel's and PatientLevel's own.
	Associated Associated `json:"associated,omitempty"`

	// Elements, if not nil, are the root elements to export, as Patient.name, or as
	// name for every type that has it.
	Elements []string `json:"elements,omitempty"`

	// Types are the resource types to export. A type without a table has no resources
	// unless Existing is set.
	Types []string `json:"types"`

	// Existing reports whether the kick-off named the types: the export then fails if
	// one of them has no table. Provenance that comes with Associated may have none.
	Existing bool `json:"existing,omitempty"`

	// Tables, if set, are what is exported instead of resources: Types are then the
	// types that the views read.
	Tables *Tables `json:"tables,omitempty"`

	// CreatedAfter and ChangedAfter exclude resources that were created or last changed
	// at that time or before. $dump sets the first, $export the second.
	CreatedAfter time.Time `json:"created_after,omitzero"`
	ChangedAfter time.Time `json:"changed_after,omitzero"`

	// ChangedBefore excludes resources that were last changed at that time or later.
	ChangedBefore time.Time `json:"changed_before,omitzero"`

	// FHIR selects FHIR format instead of Aidbox's. Views always read FHIR.
	FHIR bool `json:"fhir"`

	// Style adjusts either format.
	Style fhir.Style `json:"style,omitzero"`

	// MaxFileBytes limits the size of a file before compression, if it is less than the
	// server's limit. 0 means the server's limit.
	MaxFileBytes int64 `json:"max_file_bytes,omitempty"`

	// MinFileBytes is the minimum size of a file before compression. 0 means that the
	// server decides.
	MinFileBytes int64 `json:"min_file_bytes,omitempty"`

	// OrganizeBy, if set, is Patient: files then contain patient blocks instead of one
	// resource type each.
	OrganizeBy string `json:"organize_by,omitempty"`

	// RawGzip makes the links return the stored gzip bytes as a file of that type
	// (Aidbox's application/fhir+ndjson+gzip); other links return them with a
	// Content-Encoding.
	RawGzip bool `json:"raw_gzip,omitempty"`

	// SeparateStatus makes the HTTP status of a poll describe only the poll; the
	// status of the export is in a header.
	SeparateStatus bool `json:"separate_status,omitempty"`

	// PartialManifests shows files to the client while others are written.
	PartialManifests bool `json:"partial_manifests,omitempty"`

	// Warnings are what the client asked for and does not get, because it preferred
	// that to an error. They become a file of OperationOutcomes.
	Warnings []Warning `json:"warnings,omitempty"`

	// unknown is ErrNewer if the document has a member that this version does not know.
	unknown error
}

// UnmarshalJSON decodes a request, also one of a newer version: a process that serves
// polls need not understand it, a worker must.
func (r *Request) UnmarshalJSON(document []byte) error {
	type plain Request
	err := Decode(document, (*plain)(r))
	if errors.Is(err, ErrNewer) {
		r.unknown, err = err, nil
	}
	return err
}

// Decode decodes a document of the state database. The error is ErrNewer, with
// everything else decoded, if it has members that this version does not know.
func Decode(document []byte, value any) error {
	strict := json.NewDecoder(bytes.NewReader(document))
	strict.DisallowUnknownFields()
	unknown := strict.Decode(value)
	if unknown == nil {
		return nil
	}
	if err := json.Unmarshal(document, value); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNewer, unknown)
}

// Warning is something that the kick-off asked for or the source has and the export
// lacks.
type Warning struct {
	Code      string `json:"code"` // of FHIR's value set issue-type
	Parameter string `json:"parameter"`
	Text      string `json:"text"`
}

// Level is the level of an export (Bulk Data 3.0.0, "Bulk Data Kick-off
// Request").
type Level string

// The levels.
const (
	// SystemLevel exports all resources.
	SystemLevel Level = ""

	// PatientLevel exports what is in the compartment of a patient.
	PatientLevel Level = "patient"

	// GroupLevel exports what is in the compartment of a member of a group.
	GroupLevel Level = "group"
)

// Associated is which associated data is exported (Bulk Data 3.0.0,
// "includeAssociatedData").
type Associated string

// The kinds of associated data.
const (
	// NoneAssociated exports none beyond the requested resource types.
	NoneAssociated Associated = ""

	// LatestAssociated exports the latest Provenance of each resource.
	LatestAssociated Associated = "latest"

	// RelevantAssociated exports every Provenance of each resource.
	RelevantAssociated Associated = "relevant"
)

// The media types of the files.
const (
	NDJSON     = "application/fhir+ndjson"
	GzipNDJSON = "application/fhir+ndjson+gzip" // Aidbox's, for files that stay compressed
)

// MinMaxFileBytes is the minimum of Request.MaxFileBytes and of the server's limit:
// with smaller files an export could have millions of objects.
const MinMaxFileBytes = 64 << 10

// OutputFormat returns the media type of the files.
func (r Request) OutputFormat() string {
	if r.RawGzip {
		return GzipNDJSON
	}
	return NDJSON
}
