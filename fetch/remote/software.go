package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Software is what a server says about itself in its CapabilityStatement. Values that are
// not known are empty.
type Software struct {
	Name, Version, ReleaseDate string
	// FHIRVersion is the version of FHIR.
	FHIRVersion string
}

// The CapabilityStatement is only for the log: it is requested once, for a short time.
const (
	softwareTimeout = 10 * time.Second
	maxCapabilities = 64 << 20
)

// Software returns what the server says about itself. The CapabilityStatement is public: the
// request has no credentials.
func (s *Server) Software(ctx context.Context) (Software, error) {
	ctx, cancel := context.WithTimeout(ctx, softwareTimeout)
	defer cancel()
	public := New(s.client, s.base, nil, s.limits, s.warn)
	response, err := public.send(ctx, newRequest(http.MethodGet, s.base.JoinPath("metadata"), fhirJSON))
	if err != nil {
		return Software{}, err
	}
	defer drain(response)
	if response.StatusCode != http.StatusOK {
		return Software{}, fmt.Errorf("the server answers the request for its metadata with %d", response.StatusCode)
	}
	return decodeSoftware(io.LimitReader(response.Body, maxCapabilities))
}

// decodeSoftware reads a CapabilityStatement, which can be large, up to what is needed.
func decodeSoftware(r io.Reader) (found Software, err error) {
	var software struct{ Name, Version, ReleaseDate string }
	wanted := map[string]any{"software": &software, "fhirVersion": &found.FHIRVersion}
	decoder := json.NewDecoder(r)
	if _, err := decoder.Token(); err != nil {
		return Software{}, err
	}
	for len(wanted) > 0 && decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return Software{}, err
		}
		key, _ := name.(string)
		target, ok := wanted[key]
		if !ok {
			target = new(json.RawMessage)
		}
		if err := decoder.Decode(target); err != nil {
			return Software{}, err
		}
		delete(wanted, key)
	}
	found.Name, found.Version, found.ReleaseDate = software.Name, software.Version, software.ReleaseDate
	return found, nil
}
