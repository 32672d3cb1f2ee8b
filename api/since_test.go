package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestSince: _since excludes resources created at that time or before, in any notation of
// the time. The time of the last change does not matter.
func TestSince(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Patient")
	b.Exec(t, `INSERT INTO patient (id, txid, ts, cts, status, resource)
		SELECT replace(cts::text, '+00', ''), 1, '2030-01-01', cts, 'updated', '{}'
		FROM unnest('{
			2019-12-31 23:59:59.999999+00,
			2020-01-01 00:00:00+00,
			2020-01-01 00:00:00.000001+00,
			2020-05-01 00:00:00+00,
			2020-05-31 00:00:00+00,
			2020-05-31 10:00:00+00,
			2020-05-31 10:00:00.5+00,
			2020-05-31 12:00:00+00}'::timestamptz[]) AS cts`)
	all := []string{
		"2019-12-31T23:59:59.999999Z", "2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000001Z", "2020-05-01T00:00:00.000000Z",
		"2020-05-31T00:00:00.000000Z", "2020-05-31T10:00:00.000000Z", "2020-05-31T10:00:00.500000Z", "2020-05-31T12:00:00.000000Z",
	}

	for since, skipped := range map[string]int{
		"1900":                             0,
		"2019":                             0,
		"2020":                             2,
		"2020-05":                          4,
		"2020-05-31":                       5,
		"2020-05-31T10:00Z":                6,
		"2020-05-31T10:00":                 6,
		"2020-05-31T10:00:00":              6, // UTC
		"2020-05-31T10:00:00Z":             6,
		"2020-05-31T09:59:59.999999Z":      5,
		"2020-05-31T10:00:00.5":            7,
		"2020-05-31T10:00:00.499999":       6,
		"2020-05-31T12:00:00%2B02:00":      6,
		"2020-05-31T12:00:00+02:00":        6, // a plus that nobody has escaped
		"2020-05-31T12:00:00.5+02:00":      7,
		"2020-05-31T12:00+02:00":           6,
		"2020-05-31T08:00:00-02:00":        6,
		"2020-05-31T12:00:00Z":             8,
		"2020-05-31T12:00:00.0000009Z":     8, // cut, not rounded
		"2019-12-31T23:59:59.9999999Z":     1,
		"2019-12-31T23:59:60Z":             0,
		"0001":                             0,
		"0001-01-01":                       0,
		"0001-01-01T00:00:00%2B14:00":      0,
		"2020-01-01T00:00:00.000000Z":      2,
		"2020-01-01T00:00:00.000000-00:00": 2,
	} {
		t.Run(since, func(t *testing.T) {
			t.Parallel()
			got := b.Get(t, "/Patient/$dump?_since="+since)
			require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
			var created []string
			for line := range strings.Lines(got.Text) {
				_, rest, _ := strings.Cut(line, `"createdAt": "`)
				at, _, _ := strings.Cut(rest, `"`)
				created = append(created, at)
			}
			require.Equal(t, strings.Join(all[skipped:], "\n"), strings.Join(created, "\n"))
		})
	}
}

// TestSinceToCome: a _since in the future is refused, with tolerance for a client's clock.
func TestSinceToCome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Patient")
	for _, target := range []string{"/Patient/$dump?_since=", "/fhir/$export?_type=Patient&_since="} {
		for ahead, fine := range map[time.Duration]bool{0: true, 2 * time.Minute: true, 10 * time.Minute: false, 24 * time.Hour: false} {
			got := b.Get(t, target+time.Now().Add(ahead).UTC().Format(time.RFC3339), "Prefer", "handling=lenient")
			if fine {
				require.Less(t, got.StatusCode, 300, got.Text)
			} else {
				apitest.RequireRefusal(t, got, http.StatusBadRequest, "invalid", "_since")
			}
		}
		apitest.RequireRefusal(t, b.Get(t, target+"9999"), http.StatusBadRequest, "invalid", "_since")
	}
	b.KickOff(t, "/fhir/$export?_type=Patient&_until=9999")
}
