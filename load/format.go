package load

import "fmt"

// Format is the shape that resources have in a file.
type Format int

const (
	// FHIR is the exchange format: references are "Patient/pt-1", choice
	// elements are "valueQuantity". It is converted on the way in.
	FHIR Format = iota

	// Aidbox is the format of Aidbox's tables and of $dump; it is stored as
	// it is.
	Aidbox
)

// String gives the name that UnmarshalText reads.
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

// UnmarshalText reads "fhir" or "aidbox", so that a Format can be a flag.
func (f *Format) UnmarshalText(text []byte) error {
	switch string(text) {
	case "fhir":
		*f = FHIR
	case "aidbox":
		*f = Aidbox
	default:
		return fmt.Errorf("format %q is neither fhir nor aidbox", text)
	}
	return nil
}
