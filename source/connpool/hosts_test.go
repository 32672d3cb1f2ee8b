package connpool

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A search tries the hosts of a URL in turn, each with TLS before without.
func TestRotateHosts(t *testing.T) {
	t.Parallel()
	ctx, _ := searching(t.Context())
	for _, want := range [][]string{
		{"a+tls", "a", "b+tls", "b", "c+tls", "c"},
		{"b+tls", "b", "c+tls", "c", "a+tls", "a"},
		{"c+tls", "c", "a+tls", "a", "b+tls", "b"},
		{"a+tls", "a", "b+tls", "b", "c+tls", "c"},
	} {
		config, err := pgx.ParseConfig("postgres://a,b,c/x?sslmode=prefer")
		require.NoError(t, err)
		rotateHosts(ctx, config)

		got := []string{entry(config.Host, config.TLSConfig != nil)}
		for _, fallback := range config.Fallbacks {
			got = append(got, entry(fallback.Host, fallback.TLSConfig != nil))
		}
		require.Equal(t, want, got)
	}
}

func entry(host string, secure bool) string {
	if secure {
		return host + "+tls"
	}
	return host
}

// It does so with the addresses of a host, too.
func TestRotateAddresses(t *testing.T) {
	t.Parallel()
	lookup := rotatingAddresses(func(context.Context, string) ([]string, error) {
		return []string{"10.0.0.1", "10.0.0.2"}, nil
	})
	ctx, search := searching(t.Context())
	for dials, want := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.1"} {
		search.dials = dials
		addresses, err := lookup(ctx, "host")
		require.NoError(t, err)
		require.Equal(t, want, addresses[0])
		require.Len(t, addresses, 2)
	}
}
