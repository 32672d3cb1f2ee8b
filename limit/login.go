package limit

import (
	"net/netip"
	"time"
)

// LoginLimiter limits failed logins per address and per client.
//
// A login counts as failed from the moment it starts until it is known to have
// succeeded, so concurrent attempts get no further than consecutive ones.
type LoginLimiter struct {
	addresses, clients *RateLimiter
}

// NewLoginLimiter returns a limiter of failed logins. It allows perMinute failures per
// minute from one address, and as many in the name of one client; zero or less
// means no limit.
func NewLoginLimiter(perMinute int) *LoginLimiter {
	return &LoginLimiter{addresses: NewPerMinute(perMinute), clients: NewPerMinute(perMinute)}
}

// Take counts a failed login, or returns how long to wait before the next
// attempt. An empty client counts for the address only.
func (l *LoginLimiter) Take(client, address string) (wait time.Duration) {
	address = network(address)
	if wait = l.addresses.Take(address); wait > 0 || client == "" {
		return wait
	}
	if wait = l.clients.Take(client); wait > 0 {
		l.addresses.Refund(address)
	}
	return wait
}

// Refund takes back what Take has counted, for a login that did not fail.
func (l *LoginLimiter) Refund(client, address string) {
	l.addresses.Refund(network(address))
	if client != "" {
		l.clients.Refund(client)
	}
}

// network returns the part of an address that its user cannot choose: an IPv4
// address, or the /64 prefix of an IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() { // some proxies write IPv4 addresses as ::ffff:192.0.2.1
		return ip.String()
	}
	prefix, _ := ip.WithZone("").Prefix(64) // an IPv6 address always has one
	return prefix.String()
}
