package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Request is what a kick-off asked for, with everything decided that can be
// decided then, so that a later change of settings does not change an export
// that runs.
type Request struct {
	// URL is the kick-off's full URL, for the manifest.
	URL string `json:"url"`

	// Level says whose resources to export.
	Level Level `json:"level,omitempty"`

	// Group is the id of the Group whose members' resources are wanted, at
	// GroupLevel.
	Group string `json:"group,omitempty"`

	// Patients, if set, are the ids of the patients whose resources alone are
	// wanted. At GroupLevel they were members at the kick-off, and those count who
	// are when the export begins.
	Patients []string `json:"patients,omitempty"`

	// Filters are FHIR searches by resource type. Of a type that has some, only
	// resources that meet at least one are exported.
	Filters map[string][]string `json:"filters,omitempty"`

	// Associated says which Provenance resources come with the others, apart from
	// SystemLevel's and PatientLevel's own.
	Associated Associated `json:"associated,omitempty"`

	// Elements, if not nil, are the root elements to keep, each as in
	// Patient.name, or name for every type that has it.
	Elements []string `json:"elements,omitempty"`

	// Types are the resource types to export. One without a table has no
	// resources, unless Existing is set.
	Types []string `json:"types"`

	// Existing reports whether the kick-off named the types: the export fails if
	// one of them has no table. Provenance that comes with Associated may have none.
	Existing bool `json:"existing,omitempty"`

	// CreatedAfter and ChangedAfter leave out what was created or last changed
	// at that time or before. $dump knows the first, $export the second.
	CreatedAfter time.Time `json:"created_after,omitzero"`
	ChangedAfter time.Time `json:"changed_after,omitzero"`

	// ChangedBefore leaves out what was last changed at that time or later.
	ChangedBefore time.Time `json:"changed_before,omitzero"`

	// FHIR asks for FHIR format instead of Aidbox's.
	FHIR bool `json:"fhir"`

	// Style adjusts either format.
	Style fhir.Style `json:"style,omitzero"`

	// MaxFileBytes bounds the ndjson of one file, before compression, if that is
	// less than what the server allows. 0 means that the server decides.
	MaxFileBytes int64 `json:"max_file_bytes,omitempty"`

	// MinFileBytes is how much ndjson a file should have at the least, before
	// compression. 0 means that the server decides.
	MinFileBytes int64 `json:"min_file_bytes,omitempty"`

	// OrganizeBy, if set, is Patient: files then hold blocks, one a patient with
	// what is in the patient's compartment, instead of one resource type each.
	OrganizeBy string `json:"organize_by,omitempty"`

	// RawGzip makes the links answer with the stored gzip bytes as a file of
	// that type, where other links let HTTP unpack them (Aidbox's
	// application/fhir+ndjson+gzip).
	RawGzip bool `json:"raw_gzip,omitempty"`

	// SeparateStatus makes the status of a poll that of the poll alone; the
	// export's stands in a header of its own.
	SeparateStatus bool `json:"separate_status,omitempty"`

	// PartialManifests shows files while others are written.
	PartialManifests bool `json:"partial_manifests,omitempty"`

	// Warnings say what the client asked for and does not get, because it
	// preferred that to a refusal. They become a file of outcomes.
	Warnings []Warning `json:"warnings,omitempty"`

	// unknown says which member the document has that this version does not know.
	unknown error
}

// UnmarshalJSON reads a request, also one of a newer version: who polls an export
// need not understand it, who works on it must.
func (r *Request) UnmarshalJSON(document []byte) error {
	type plain Request
	strict := json.NewDecoder(bytes.NewReader(document))
	strict.DisallowUnknownFields()
	unknown := strict.Decode((*plain)(r))
	if unknown == nil {
		return nil
	}
	if err := json.Unmarshal(document, (*plain)(r)); err != nil {
		return err
	}
	r.unknown = unknown
	return nil
}

// checkKnown returns ErrNewer if the request has members that this version does not
// know.
func (r *Request) checkKnown() error {
	if r.unknown != nil {
		return fmt.Errorf("%w: request: %w", ErrNewer, r.unknown)
	}
	return nil
}

// Warning is something that an export lacks: of what the kick-off asked for, or of
// what the source has.
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

// Associated says which associated data is wanted (Bulk Data 3.0.0,
// "includeAssociatedData").
type Associated string

// What can be wanted.
const (
	// NoneAssociated leaves it to the resource types that are exported.
	NoneAssociated Associated = ""

	// LatestAssociated wants the latest Provenance of each resource.
	LatestAssociated Associated = "latest"

	// RelevantAssociated wants every Provenance of each resource.
	RelevantAssociated Associated = "relevant"
)

// The media types of the files.
const (
	NDJSON     = "application/fhir+ndjson"
	GzipNDJSON = "application/fhir+ndjson+gzip" // Aidbox's, for files that stay compressed
)

// LeastMaxFileBytes is the least that Request.MaxFileBytes, or the server's own
// bound, may be: smaller files would make an export of millions of objects.
const LeastMaxFileBytes = 64 << 10

// OutputFormat is the media type of the files that the request asks for.
func (r Request) OutputFormat() string {
	if r.RawGzip {
		return GzipNDJSON
	}
	return NDJSON
}
