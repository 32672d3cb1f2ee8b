package jobs

import "time"

// Request is what a kick-off asked for, with everything decided that can be
// decided then, so that a later change of settings does not change an export
// that runs.
type Request struct {
	// URL is the kick-off's full URL, for the manifest.
	URL string `json:"url"`

	// Types are the resource types to export. One without a table has no
	// resources.
	Types []string `json:"types"`

	// Existing says that each of them had a table at the kick-off. One that has
	// none any more makes the export fail.
	Existing bool `json:"existing,omitempty"`

	// CreatedAfter and ChangedAfter leave out what was created or last changed
	// at that time or before. $dump knows the first, $export the second.
	CreatedAfter time.Time `json:"created_after,omitzero"`
	ChangedAfter time.Time `json:"changed_after,omitzero"`

	// FHIR asks for FHIR format instead of Aidbox's.
	FHIR bool `json:"fhir"`

	// VersionIDString writes meta.versionId as a string.
	VersionIDString bool `json:"version_id_string"`

	// CreatedAtURL is the URL of the extension for meta.createdAt.
	CreatedAtURL string `json:"created_at_url,omitempty"`

	// MaxFileBytes bounds the ndjson of one file, before compression, if that is
	// less than what the server allows. 0 means that the server decides.
	MaxFileBytes int64 `json:"max_file_bytes,omitempty"`

	// RawGzip makes the links answer with the stored gzip bytes as a file of
	// that type, where other links let HTTP unpack them (Aidbox's
	// application/fhir+ndjson+gzip).
	RawGzip bool `json:"raw_gzip,omitempty"`
}
