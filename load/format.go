package load

import "fmt"

// Format is the format of the resources in a file.
type Format int

const (
	// FHIR is FHIR JSON: references are "Patient/pt-1", choice elements are
	// "valueQuantity". It is converted to Aidbox's format.
	FHIR Format = iota

	// Aidbox is the format of Aidbox's tables and of $dump. It is stored unchanged.
	Aidbox
)

// String returns the name that UnmarshalText accepts.
func (f Format) String() string {
	if f == Aidbox {
		return "aidbox"
	}
	return "fhir"
}

// MarshalText implements encoding.TextMarshaler.
func (f Format) MarshalText() ([]byte, error) {
	return []byte(f.String()), nil
}

// UnmarshalText accepts "fhir" and "aidbox".
func (f *Format) UnmarshalText(text []byte) error {
	switch string(text) {
	case "fhir":
		*f = FHIR
	case "aidbox":
		*f = Aidbox
	default:
		return fmt.Errorf("format must be fhir or aidbox, got %q", text)
	}
	return nil
}
