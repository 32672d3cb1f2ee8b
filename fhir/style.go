package fhir

// DefaultCreatedAtURL is the URL of the extension for meta.createdAt unless
// [Style] names another.
const DefaultCreatedAtURL = "ex:createdAt"

// Style holds the choices of an operator about how resources are written. The
// zero value is the default. The request of an export stores it as JSON.
type Style struct {
	// AttachmentBaseURL is the base URL of the FHIR server, such as
	// https://fhir.example.org/fhir. In FHIR format, relative URLs of attachments
	// are resolved against it. Empty leaves them as stored.
	AttachmentBaseURL string `json:"attachment_base_url,omitempty"`

	// CreatedAtURL is the URL of the extension that holds meta.createdAt in FHIR
	// format. Defaults to DefaultCreatedAtURL.
	CreatedAtURL string `json:"created_at_url,omitempty"`

	// VersionIDAsString writes meta.versionId as a string, as FHIR requires and
	// newer releases of Aidbox do, instead of a number. It applies to both formats,
	// and where meta.versionId comes from a column: a Converter keeps the value
	// that it reads.
	VersionIDAsString bool `json:"version_id_as_string,omitempty"`
}
