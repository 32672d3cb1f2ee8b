package search_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A fraction of a second is truncated to six digits, never rounded into the next
// second, day or year, and a leap second counts as 59, both in stored data and in the
// search.
func TestDatesBeyondMicroseconds(t *testing.T) {
	t.Parallel()
	s := newStoreOf(t,
		`{"resourceType":"Patient","id":"nano","deceasedDateTime":"2020-12-31T23:59:59.9999999Z"}`,
		`{"resourceType":"Patient","id":"nano-local","deceasedDateTime":"2020-12-31T23:59:59.9999995"}`,
		`{"resourceType":"Patient","id":"leap","deceasedDateTime":"2016-12-31T23:59:60Z"}`,
		`{"resourceType":"Patient","id":"leap-zone","deceasedDateTime":"2017-01-01T08:59:60.123456789+09:00"}`,
		`{"resourceType":"Encounter","id":"period","period":{"start":"2020-05-31T23:59:59.9999999Z","end":"2020-05-31T23:59:59.9999999+00:00"}}`,
		`{"resourceType":"Encounter","id":"leap","period":{"start":"2016-12-31T23:59:60Z","end":"2016-12-31T23:59:60Z"}}`,
	)
	for query, want := range map[string][]string{
		"death-date=2020-12-31":                        {"nano", "nano-local"},
		"death-date=2021":                              {},
		"death-date=gt2020-12-31T23:59:59.9999999Z":    {},
		"death-date=ge2020-12-31T23:59:59.9999999Z":    {"nano", "nano-local"},
		"death-date=2020-12-31T23:59:59.999999Z":       {"nano", "nano-local"},
		"death-date=2020-12-31T23:59:59.9999991234Z":   {"nano", "nano-local"},
		"death-date=sa2020-12-31T23:59:59.99999899Z":   {"nano", "nano-local"},
		"death-date=2016-12-31":                        {"leap", "leap-zone"},
		"death-date=2017":                              {},
		"death-date=2016-12-31T23:59:60Z":              {"leap", "leap-zone"},
		"death-date=2016-12-31T23:59:59Z":              {"leap", "leap-zone"},
		"death-date=2016-12-31T23:59:59.123456Z":       {"leap-zone"},
		"death-date:missing=true":                      {},
		"_lastUpdated=gt9999-12-31T23:59:59.9999999Z":  {},
		"_lastUpdated=lt9999-12-31T23:59:59-14:00":     {"leap", "leap-zone", "nano", "nano-local"},
		"death-date=lt9999-12-31T23:59:59-14:00":       {"leap", "leap-zone", "nano", "nano-local"},
		"death-date=gt0001-01-01T00:00:00%2B14:00":     {"leap", "leap-zone", "nano", "nano-local"},
		"death-date=ap9999":                            {},
		"death-date=lt9999-12-31T23:59:59.99999999999": {"leap", "leap-zone", "nano", "nano-local"},
	} {
		require.Equal(t, want, s.search(t, "Patient", query), query)
	}
	for query, want := range map[string][]string{
		"date=2020-05-31": {"period"}, "date=2020-06": {}, "date=gt2020-05-31": {}, "date=2016": {"leap"}, "date=2017": {},
	} {
		require.Equal(t, want, s.search(t, "Encounter", query), query)
	}
}
