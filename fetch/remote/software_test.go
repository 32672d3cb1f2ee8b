package remote

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

func TestSoftware(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Metadata.Nth(2, fetchtest.Reject(500))}})
	base, err := url.Parse(server.BaseURL)
	require.NoError(t, err)
	s := New(server.Client(), base, nil, Limits{}, func(string) {})
	got, err := s.Software(t.Context())
	require.NoError(t, err)
	require.Equal(t, Software{Name: "fetchtest", Version: "1.2.3", FHIRVersion: "4.0.1"}, got)
	_, err = s.Software(t.Context())
	require.Error(t, err)
}

func TestDecodeSoftware(t *testing.T) {
	t.Parallel()
	got, err := decodeSoftware(strings.NewReader(`{"rest":[{"software":{"name":"no"}}],"fhirVersion":"4.0.1","software":{"name":"a","releaseDate":"2026-01-01"},"cut`))
	require.NoError(t, err)
	require.Equal(t, Software{Name: "a", ReleaseDate: "2026-01-01", FHIRVersion: "4.0.1"}, got)
	got, err = decodeSoftware(strings.NewReader(`{"a":1}`))
	require.NoError(t, err)
	require.Zero(t, got)
	for _, text := range []string{"", "<html>", `{"software":1}`, `{"a":`, `[1]`} {
		_, err := decodeSoftware(strings.NewReader(text))
		require.Error(t, err, text)
	}
}
