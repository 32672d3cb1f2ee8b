package load

import (
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// times returns ts and cts of a resource that keeps its times. Without lastUpdated, ts
// is now; without createdAt, cts is ts.
func (h header) times(now time.Time) (changed, created time.Time, err error) {
	if changed, err = parseInstant("meta.lastUpdated", h.lastUpdated, now); err != nil {
		return changed, created, err
	}
	created, err = parseInstant("meta.createdAt", h.createdAt, changed)
	return changed, created, err
}

// parseInstant parses a FHIR instant. If value is nil, it returns missing.
func parseInstant(element string, value []byte, missing time.Time) (time.Time, error) {
	if value == nil {
		return missing, nil
	}
	parsed, ok := fhir.ParseTime(string(unquote(value)))
	if !ok || !parsed.Instant {
		return missing, fmt.Errorf("invalid %s %.40s: must be an instant such as \"2024-05-31T08:26:10Z\"", element, value)
	}
	return parsed.Low, nil
}
