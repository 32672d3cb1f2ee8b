package main

import (
	"errors"
	"time"
)

// keySettings are about the addresses that clients keep their keys at.
type keySettings struct {
	KeysAnywhere bool `name:"keys-anywhere" env:"SLUICE_KEYS_ANYWHERE" help:"Let a client's JWKS URL be http and lead to private, local and reserved addresses."`
}

// accessSettings say how clients prove who they are.
type accessSettings struct {
	keySettings
	TokenLife       time.Duration `env:"SLUICE_TOKEN_LIFE" default:"5m" help:"How long an access token works; SMART wants no more than 5m."`
	TokenAlgorithms []string      `env:"SLUICE_TOKEN_ALGORITHMS" default:"RS384,ES384" enum:"RS384,ES384,RS256,ES256" help:"What clients may sign their assertions with: RS384, ES384, RS256, ES256."`
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
