package jobs

import "encoding/json"

// Tables makes an export one of tables: the rows of views instead of resources (SQL on
// FHIR, $sql-export).
type Tables struct {
	// Views are the outputs, each with a name of its own.
	Views []View `json:"views"`

	// Format is the format of the files: csv, ndjson or parquet.
	Format string `json:"format"`

	// NoHeader omits the names of the columns from CSV.
	NoHeader bool `json:"no_header,omitempty"`

	// TrackingID is the client's own id of the export (clientTrackingId).
	TrackingID string `json:"tracking_id,omitempty"`
}

// View is an output of an export of tables.
type View struct {
	// Name is the name of the output and of its files.
	Name string `json:"name"`

	// Definition is the ViewDefinition, as checked by the kick-off.
	Definition json.RawMessage `json:"definition"`
}
