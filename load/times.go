package load

import (
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// times gives ts and cts of a resource that keeps its own times; now stands in
// for a missing lastUpdated, lastUpdated for a missing createdAt.
func (h header) times(now time.Time) (changed, created time.Time, err error) {
	if changed, err = instant("meta.lastUpdated", h.lastUpdated, now); err != nil {
		return changed, created, err
	}
	created, err = instant("meta.createdAt", h.createdAt, changed)
	return changed, created, err
}

// instant reads a FHIR instant: a date and time with its zone, as fhir.ParseTime
// does.
func instant(element string, value []byte, absent time.Time) (time.Time, error) {
	if value == nil {
		return absent, nil
	}
	read, ok := fhir.ParseTime(string(unquote(value)))
	if !ok || !read.Instant {
		return absent, fmt.Errorf("%s %.40s is not an instant such as \"2024-05-31T08:26:10Z\"", element, value)
	}
	return read.Low, nil
}
