package api

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzNetwork: an address is itself or the network of an IPv6 address.
func FuzzNetwork(f *testing.F) {
	f.Add("fe80::1%eth0")
	f.Add("::ffff:192.0.2.1")
	f.Fuzz(func(t *testing.T, where string) {
		if prefix, err := netip.ParsePrefix(network(where)); err == nil {
			require.Equal(t, 64, prefix.Bits())
		}
	})
}
