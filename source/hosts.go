package source

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// searchKey is the key of a context's value: the number of a search's connection.
type searchKey struct{}

// searching returns the context in which to make the n-th connection of a search.
func searching(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, searchKey{}, n)
}

// rotateHosts makes each connection of a search begin with another host of the URL.
// Otherwise the first host that answers is always taken.
func rotateHosts(ctx context.Context, config *pgx.ConnConfig) {
	n, _ := ctx.Value(searchKey{}).(int)
	all := slices.Insert(slices.Clone(config.Fallbacks), 0,
		&pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig})
	// A host has an entry with TLS and one without, whose order must stay.
	var hosts []int
	for i, entry := range all {
		if i == 0 || entry.Host != all[i-1].Host || entry.Port != all[i-1].Port {
			hosts = append(hosts, i)
		}
	}
	first := hosts[n%len(hosts)]
	all = slices.Concat(all[first:], all[:first])
	config.Host, config.Port, config.TLSConfig = all[0].Host, all[0].Port, all[0].TLSConfig
	config.Fallbacks = all[1:]
}

// rotatingAddresses does the same with the addresses of a host that has several.
func rotatingAddresses(lookup pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		if n, _ := ctx.Value(searchKey{}).(int); n > 0 && len(addresses) > 0 {
			first := n % len(addresses)
			addresses = slices.Concat(addresses[first:], addresses[:first])
		}
		return addresses, err
	}
}
