package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// Faults of all kinds at random requests, and kills between them: run again until it
// succeeds, a fetch has the result of an undisturbed one. TEST_FETCH_SEEDS is the number
// of combinations, TEST_FETCH_SEED the first of them.
func TestFetchAtRandom(t *testing.T) {
	t.Parallel()
	first, seeds := numberFrom(t, "TEST_FETCH_SEED", 1), numberFrom(t, "TEST_FETCH_SEEDS", 8)
	for seed := first; seed < first+seeds; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			testAtRandom(t, rand.New(rand.NewPCG(uint64(seed), 0)))
		})
	}
}

// numberFrom returns the number in an environment variable.
func numberFrom(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	number, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return number
}

func testAtRandom(t *testing.T, random *rand.Rand) {
	t.Helper()
	options := fetchtest.Options{
		Files: fetchFiles(), TransactionTime: sameTime, Pages: 1 + random.IntN(3), Polls: random.IntN(2), Partial: true,
		Encoding: fetchtest.Encoding(random.IntN(4)), TLS: random.IntN(2) == 0,
		Links:    fetchtest.Links{Host: fetchtest.Host(random.IntN(4))},
		Manifest: fetchtest.ManifestOptions{SHA256: true, Sizes: fetchtest.Sizes(random.IntN(3))},
		Auth:     fetchtest.Auth{Method: fetchtest.ClientSecret, ClientID: "me", Secret: "swordfish"},
	}
	options.HTTP2 = options.TLS && random.IntN(2) == 0
	args := []string{"--auth=secret", "--client-id=me", "--parallel=" + strconv.Itoa(1+random.IntN(4))}
	args = append(args, [][]string{nil, {"--plain"}, {"--partial"}, {"--deleted=list"}}[random.IntN(4)]...)

	fetch := func() *fetcher {
		f := newFetcher(t, args...)
		f.env = []string{"SLUICE_FETCH_SECRET=swordfish"}
		return f
	}
	undisturbed, f := fetchtest.New(t, options), fetch()
	if options.TLS {
		args = append(args, "--ca-file="+undisturbed.CAFile) // all servers have the same certificate
		f = fetch()
	}
	want := f.complete(undisturbed.BaseURL)

	f = fetch()
	var described []string
	options.Faults, described = randomFaults(random, f.kill)
	s := fetchtest.New(t, options)
	for runs := 1; ; runs++ {
		code := f.run(s.BaseURL)
		if code == cli.ExitOK || f.isComplete() {
			break
		}
		require.Contains(t, []int{-1, 5}, code, "%v\n%s", described, f.output.String())
		require.Less(t, runs, 20, "%v\n%s", described, f.output.String())
	}
	t.Log(described)
	requireSameFiles(t, want, directoryContent(t, f.dir))
	require.NotContains(t, f.output.String(), "swordfish")
}

// randomFaults returns some faults, and their names. Of those that change the content,
// there is at most one: a second one in a row is reported.
func randomFaults(random *rand.Rand, kill func()) (faults []fetchtest.Fault, described []string) {
	n := random.IntN(60_000)
	wait := fetchtest.RetryAfter("1")
	menu := []struct {
		name    string
		effects []fetchtest.Effect
	}{
		{"kill", []fetchtest.Effect{fetchtest.Do(kill)}},
		{"kill within", []fetchtest.Effect{fetchtest.DoAfter(n, kill)}},
		{"cut", []fetchtest.Effect{fetchtest.CutAfter(n)}},
		{"cut chunked", []fetchtest.Effect{fetchtest.CutChunkedAfter(n)}},
		{"cut of another version", []fetchtest.Effect{fetchtest.Rewritten(), fetchtest.CutAfter(n / 4)}},
		{"reset", []fetchtest.Effect{fetchtest.Reset()}},
		{"429", []fetchtest.Effect{fetchtest.Reject(429, wait)}},
		{"503", []fetchtest.Effect{fetchtest.Reject(503, wait)}},
		{"502", []fetchtest.Effect{fetchtest.Reject(502)}},
		{"expired", []fetchtest.Effect{fetchtest.LinksExpire(fetchtest.Expired403)}},
		{"revoked", []fetchtest.Effect{fetchtest.TokensRevoked()}},
		{"ETag changes", []fetchtest.Effect{fetchtest.ETagChanges()}},
		{"no ETag", []fetchtest.Effect{fetchtest.NoETag()}},
		{"no ranges", []fetchtest.Effect{fetchtest.NoRanges()}},
		{"If-Range ignored", []fetchtest.Effect{fetchtest.IfRangeIgnored()}},
		{"wrong Content-Range", []fetchtest.Effect{fetchtest.WrongContentRange()}},
	}
	for range 2 + random.IntN(5) {
		chosen, at := menu[random.IntN(len(menu))], 1+random.IntN(8)
		faults = append(faults, fetchtest.Download.Nth(at, chosen.effects...))
		described = append(described, fmt.Sprintf("download %d: %s", at, chosen.name))
	}
	once := []fetchtest.Effect{fetchtest.CorruptAt(n), fetchtest.TruncateAfter(n)}[random.IntN(2)]
	at := 1 + random.IntN(8)
	faults = append(faults, fetchtest.Download.Nth(at, once), fetchtest.Any.Nth(1+random.IntN(14), fetchtest.Do(kill)))
	described = append(described, fmt.Sprintf("download %d: damaged", at))
	if random.IntN(2) == 0 {
		faults = append(faults, fetchtest.Status.Nth(1+random.IntN(2), fetchtest.Reject(503, wait)))
		described = append(described, "status 503")
	}
	return faults, described
}
