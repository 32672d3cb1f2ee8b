package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"syscall"
)

const maxURL = 2048

// checkKeysURL checks the address of a client's keys: https, unless anywhere
// is set, and nothing that would be a secret in it.
func checkKeysURL(address string, anywhere bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || len(address) > maxURL || u.Hostname() == "":
		return errors.New("it is not an address such as https://client.example.org/jwks.json")
	case u.Scheme != "https" && !(anywhere && u.Scheme == "http"):
		return errors.New("it must start with https://")
	case u.User != nil || u.Fragment != "":
		return errors.New("it must have neither credentials nor a fragment")
	}
	return nil
}

// errPrivateAddress says that a name leads to where only this network's own
// should go.
var errPrivateAddress = errors.New("a private, local or reserved address")

// refusePrivate is asked by the dialer about each address before it connects
// to it, after names have been looked up: a name that leads to one address when
// it is checked and to another when it is used gains nothing.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if !public(target.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// global is what the internet routes by IPv6; the rest is local or reserved.
var global = netip.MustParsePrefix("2000::/3")

// reserved are the ranges that are not the internet's, or that lead to any
// IPv4 address by way of a translator (IANA's registries of special-purpose
// addresses).
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

// public tells whether the address is one of the internet's.
func public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if address.Is6() && !global.Contains(address) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}
