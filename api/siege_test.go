package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// TestSiege: fifty addresses guess without a pause, in the names of clients and in
// others. After a restart, when no verified secret is cached, a client with a
// generated secret is accepted from any address, and so is one with a chosen secret
// whose id is not guessed. A client whose chosen secret is being guessed has to wait.
func TestSiege(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) {
		config.LoginFailuresPerMinute = 10
		config.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	ask := func(id, secret, address string) int {
		request := b.Request(t, http.MethodGet, "/Slot/$dump", "X-Forwarded-For", address)
		request.SetBasicAuth(id, secret)
		return b.Do(t, request).StatusCode
	}
	const let = http.StatusNotFound // in, and there is no table
	require.Equal(t, let, ask(apitest.ClientID, apitest.ClientSecret, "192.0.2.1"))
	generated := auth.NewSecret()
	require.NoError(t, b.Clients.Add(t.Context(), "generated", generated, []string{"system/*.rs"}))
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))

	b.Stop()
	<-b.Served
	b.Config.Clients = auth.NewClients(b.DB)
	b.Serve(t, api.New(b.Config))

	ctx, retreat := context.WithCancel(t.Context())
	var siege sync.WaitGroup
	t.Cleanup(siege.Wait)
	t.Cleanup(retreat)
	var refused atomic.Int32
	for i := range 50 {
		siege.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := []string{apitest.ClientID, "generated", fmt.Sprint("nobody-", n)}[n%3]
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/Patient/$dump", http.NoBody)
				if err != nil {
					return
				}
				request.Header.Set("X-Forwarded-For", fmt.Sprint("198.51.100.", i))
				request.SetBasicAuth(id, fmt.Sprint("guess ", i, n))
				response, err := b.HTTP.Do(request)
				if err != nil {
					continue
				}
				_ = response.Body.Close()
				if response.StatusCode == http.StatusTooManyRequests {
					refused.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return refused.Load() > 50 }, apitest.Patience, apitest.Tick)
	require.Eventually(t, func() bool { // it may get the place of a guess that has waited too long for a hash
		return ask(apitest.ClientID, apitest.ClientSecret, "192.0.2.1") == http.StatusTooManyRequests
	}, apitest.Patience, apitest.Tick)
	require.Equal(t, let, ask("generated", generated, "192.0.2.1"))
	require.Equal(t, let, ask("generated", generated, "198.51.100.1"), "even at an address that guesses")
	require.Eventually(t, func() bool { return ask("other", "other-secret", "192.0.2.2") == let }, apitest.Patience, apitest.Tick)

	// This login waits for the hashes of all guesses, which outlive their requests.
	retreat()
	siege.Wait()
	require.Eventually(t, func() bool { return ask("nobody", "wrong", "192.0.2.3") == http.StatusUnauthorized }, apitest.Patience, apitest.Tick)
}
