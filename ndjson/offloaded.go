package ndjson

import "bytes"

var (
	// offloadedSibling is in every resource with a value that Aidbox stores elsewhere:
	// base64 data of an attachment or a Binary. It begins with a rare character, so
	// that the search takes only nanoseconds in other lines.
	offloadedSibling = []byte("_data")

	// offloadedURL is the URL of the extension that refers to the value.
	offloadedURL = []byte(`"http://health-samurai.io/fhir/core/data-offloaded-to-external-storage"`)
)

// countOffloaded returns the number of values of the resource in the line that are
// stored outside of the database.
func countOffloaded(line []byte) int {
	if !bytes.Contains(line, offloadedSibling) {
		return 0
	}
	return bytes.Count(line, offloadedURL)
}
