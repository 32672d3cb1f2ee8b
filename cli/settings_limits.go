package cli

import "fmt"

// limitSettings bound what one client, or who claims to be one, may ask for.
type limitSettings struct {
	ClientKickOffs      int  `env:"SLUICE_CLIENT_KICK_OFFS" default:"60" help:"How many exports one client may kick off a minute; 0 means no limit."`
	ClientDumps         int  `env:"SLUICE_CLIENT_DUMPS" default:"600" help:"How many dumps one client may begin a minute; 0 means no limit."`
	ClientRequests      int  `env:"SLUICE_CLIENT_REQUESTS" default:"6000" help:"How many requests of any kind one client may send a minute; 0 means no limit."`
	ClientStoredExports int  `env:"SLUICE_CLIENT_STORED_EXPORTS" default:"1000" help:"Maximum exports of one client that run or have files in the bucket (0 = unlimited). Beyond it, kick-offs are refused."`
	ClientStoredBytes   size `env:"SLUICE_CLIENT_STORED_BYTES" default:"1TiB" help:"Maximum bytes of files that one client has in the bucket when it kicks off an export (0 = unlimited)."`
	Failures            int  `env:"SLUICE_FAILURES" default:"30" help:"How many times a minute wrong secrets and assertions are looked at, from one address or in the name of one client from where it is not known; 0 means no limit."`
}

// Validate checks what has no meaning below zero.
func (s *limitSettings) Validate() error {
	for name, n := range map[string]int{
		"SLUICE_CLIENT_KICK_OFFS":      s.ClientKickOffs,
		"SLUICE_CLIENT_DUMPS":          s.ClientDumps,
		"SLUICE_CLIENT_REQUESTS":       s.ClientRequests,
		"SLUICE_CLIENT_STORED_EXPORTS": s.ClientStoredExports,
		"SLUICE_FAILURES":              s.Failures,
	} {
		if n < 0 {
			return fmt.Errorf("%s is 0 or more", name)
		}
	}
	return nil
}
