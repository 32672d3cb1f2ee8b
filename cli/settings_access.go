package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// apiSettings are those of the API alone.
type apiSettings struct {
	httpSettings
	tlsSettings
	formatSettings
	accessSettings
	limitSettings
}

// Validate validates each group.
func (s *apiSettings) Validate() error {
	return validate(&s.httpSettings, &s.tlsSettings, &s.formatSettings, &s.accessSettings, &s.limitSettings)
}

// keySettings are about the addresses that clients keep their keys at.
type keySettings struct {
	KeysAnywhere bool `name:"keys-anywhere" env:"SLUICE_KEYS_ANYWHERE" help:"Let a client's JWKS URL be http and lead to private, local and reserved addresses."`
}

// accessSettings say how clients prove who they are, and whose word is taken.
type accessSettings struct {
	keySettings
	TokenLife       time.Duration  `env:"SLUICE_TOKEN_LIFE" default:"5m" help:"How long an access token works; SMART wants no more than 5m."`
	TokenAlgorithms []string       `env:"SLUICE_TOKEN_ALGORITHMS" default:"RS384,ES384" enum:"RS384,ES384,RS256,ES256" help:"What clients may sign their assertions with: RS384, ES384, RS256, ES256."`
	Proxies         []proxyAddress `env:"SLUICE_PROXIES" placeholder:"ADDRESS" help:"The proxies, as addresses or networks such as 10.0.0.0/8, whose X-Forwarded-For, -Proto and -Host are believed."`
	AuditEvents     bool           `env:"SLUICE_AUDIT_EVENTS" help:"Write who took what not only to the log but also to the bucket, as FHIR AuditEvents under audit/."`
}

// maxTokenLife bounds how long a token that was stolen works.
const maxTokenLife = time.Hour

// Validate checks what would else be found out by the first client.
func (s *accessSettings) Validate() error {
	if s.TokenLife < time.Second || s.TokenLife > maxTokenLife {
		return errors.New("SLUICE_TOKEN_LIFE (--token-life) is from 1s to 1h")
	}
	return nil
}

// proxies are the networks of the trusted proxies.
func (s *accessSettings) proxies() []netip.Prefix {
	prefixes := make([]netip.Prefix, len(s.Proxies))
	for i, proxy := range s.Proxies {
		prefixes[i] = proxy.Prefix
	}
	return prefixes
}

// proxyAddress is an address or a network.
type proxyAddress struct{ netip.Prefix }

// UnmarshalText reads either.
func (p *proxyAddress) UnmarshalText(text []byte) error {
	if address, err := netip.ParseAddr(string(text)); err == nil && address.Zone() == "" {
		p.Prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is not an address or a network such as 10.0.0.0/8", text)
	}
	p.Prefix = prefix.Masked()
	return nil
}
