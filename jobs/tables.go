package jobs

import (
	"encoding/json"
	"fmt"
	"strings"
)

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

// Parquet is the format of tables whose files are compressed in themselves.
const Parquet = "parquet"

// FileSuffix returns what the keys of the files end with: .parquet, .csv.gz or
// .ndjson.gz.
func (t Tables) FileSuffix() string {
	if t.Format == Parquet {
		return "." + t.Format
	}
	return "." + t.Format + ".gz"
}

// View is an output of an export of tables.
type View struct {
	// Name is the name of the output. No two views of an export have the same FileName,
	// even if upper and lower case are not distinguished.
	Name string `json:"name"`

	// Definition is the ViewDefinition, as checked by the kick-off. Only Store.Begin and
	// Store.TakePart return it.
	Definition json.RawMessage `json:"definition,omitempty"`
}

// FileName returns what the names of the view's files begin with: its name, with an
// underscore in place of each character that is not an ASCII letter, a digit, an
// underscore or a hyphen, and of a hyphen that would make the name look like an option.
func (v View) FileName() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, v.Name)
	if rest, ok := strings.CutPrefix(name, "-"); ok {
		return "_" + rest
	}
	return name
}

// ResourceType returns the type of the resources that the view reads.
func (v View) ResourceType() (string, error) {
	var definition struct {
		Resource string `json:"resource"`
	}
	if err := json.Unmarshal(v.Definition, &definition); err != nil {
		return "", fmt.Errorf("view %s: %w", v.Name, err)
	}
	return definition.Resource, nil
}
