package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An address counts as what one user of it can choose from, however it is written.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":             "192.0.2.7",
		"::ffff:192.0.2.7":      "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"fe80::1%eth0":          "fe80::/64",
		"":                      "",
		"what a proxy may send": "what a proxy may send",
	} {
		require.Equal(t, want, network(address))
	}
}
