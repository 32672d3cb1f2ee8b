package smart

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

var errPrivateAddress = errors.New("a private, local or reserved address")

// rejectPrivate is a net.Dialer.Control function that rejects private addresses.
// It runs after name resolution, for the address that is connected to, so a name
// that resolves differently the next time does not get around it.
func rejectPrivate(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if !isPublic(target.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// globalIPv6 is what the internet routes; the rest is local or reserved.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// reserved are the ranges that are not part of the public internet, or that a
// translator maps to any IPv4 address (IANA's special-purpose address registries).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

func isPublic(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if address.Is6() && !globalIPv6.Contains(address) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}
