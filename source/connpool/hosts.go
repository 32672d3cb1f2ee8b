package connpool

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// search counts the connections made to find a server.
type search struct{ dials int }

// searchKey is the key of a context's *search.
type searchKey struct{}

// searching returns a context for the connections of a search.
func searching(ctx context.Context) (context.Context, *search) {
	s := &search{}
	return context.WithValue(ctx, searchKey{}, s), s
}

// rotateHosts makes each connection of a search try another host of the URL first.
// Otherwise, the first host that answers would always be used.
func rotateHosts(ctx context.Context, config *pgx.ConnConfig) {
	s, ok := ctx.Value(searchKey{}).(*search)
	if !ok {
		return
	}
	all := slices.Insert(slices.Clone(config.Fallbacks), 0,
		&pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig})
	// A host has an entry with TLS and one without; their order must not change.
	var hosts []int
	for i, entry := range all {
		if i == 0 || entry.Host != all[i-1].Host || entry.Port != all[i-1].Port {
			hosts = append(hosts, i)
		}
	}
	first := hosts[s.dials%len(hosts)]
	s.dials++
	all = slices.Concat(all[first:], all[:first])
	config.Host, config.Port, config.TLSConfig = all[0].Host, all[0].Port, all[0].TLSConfig
	config.Fallbacks = all[1:]
}

// rotatingAddresses does the same for the addresses of a host name.
func rotatingAddresses(lookup pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		if s, ok := ctx.Value(searchKey{}).(*search); ok && len(addresses) > 0 {
			first := s.dials % len(addresses)
			addresses = slices.Concat(addresses[first:], addresses[:first])
		}
		return addresses, err
	}
}
