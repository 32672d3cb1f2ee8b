package ndjson

import "bytes"

var (
	// offloadedSibling is in every resource with a value that Aidbox keeps elsewhere:
	// base64 data of an attachment or a Binary. It begins with a rare character, so
	// that lines without it cost some nanoseconds.
	offloadedSibling = []byte("_data")

	// offloadedURL is the URL of the extension that points to the value.
	offloadedURL = []byte(`"http://health-samurai.io/fhir/core/data-offloaded-to-external-storage"`)
)

// countOffloaded returns how many values of the resource in the line are stored
// outside of the database, with a pointer in their place.
func countOffloaded(line []byte) int {
	if !bytes.Contains(line, offloadedSibling) {
		return 0
	}
	return bytes.Count(line, offloadedURL)
}
