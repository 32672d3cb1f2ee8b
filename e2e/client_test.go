package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// Commands for clients, from the first secret to the removal.
func TestClientLife(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")

	stdout, _ := j.sluice(cli.ExitOK, "client", "add", "a", "--scope=system/*.rs", "--secret-ttl=2h", "--expires=2100-01-01", "--group=g1")
	require.Regexp(t, `^client a added\nsecret: sluice_[A-Za-z0-9_-]{48}\nSave it now`, stdout)
	stdout, _ = j.sluice(cli.ExitOK, "client", "show", "a")
	require.Regexp(t, `(?m)^expires +2100-01-01T00:00:00Z\ngroups +g1\nsecret expires +20`, stdout)
	require.Regexp(t, `add by \S+@\S+ \(role postgres\)`, stdout)

	j.sluice(cli.ExitOK, "client", "change", "a", "--dumps=5", "--requests=0")
	j.sluice(cli.ExitOK, "client", "change", "a", "--dumps=default", "--kick-offs=7")
	j.sluice(cli.ExitUsage, "client", "change", "a", "--dumps=-1")
	stdout, _ = j.sluice(cli.ExitOK, "client", "show", "a")
	require.Regexp(t, `(?m)^kick-offs per minute +7\nrequests per minute +0$`, stdout)
	require.Regexp(t, `change by \S+ \(role postgres\): dumps: 5 → default; kick-offs: default → 7\n`, stdout)
	j.sluice(cli.ExitOK, "client", "change", "a", "--any-group", "--scope=system/Patient.rs", "--scope=system/Group.rs")
	j.sluice(cli.ExitOK, "client", "expire", "a", "never")
	stdout, stderr := j.sluice(cli.ExitOK, "client", "rotate", "a", "--secret=swordfish")
	require.Equal(t, "client a has a new secret\n", stdout)
	require.Regexp(t, `"msg":"audit","audit":{"action":"client rotate","outcome":"done","client":"a","actor":"\S+@\S+","role":"postgres","change":\d+,"details":{"previous secret expires":"none → \S+","secret":"replaced","secret expires":"\S+ → never"}}`, stderr)
	require.NotContains(t, stderr, "swordfish")
	stdout, _ = j.sluice(cli.ExitOK, "client", "show", "a")
	require.Contains(t, stdout, "system/Patient.rs system/Group.rs")
	require.Regexp(t, `(?m)^secret expires +never\nprevious secret expires +20`, stdout)
	require.NotRegexp(t, `(?m)^groups`, stdout)
	require.NotContains(t, stdout, "swordfish")

	j.sluice(cli.ExitOK, "client", "revoke", "a")
	stdout, _ = j.sluice(cli.ExitOK, "client", "list")
	expires := regexp.MustCompile(`(?m)^a +system/Patient.rs system/Group.rs +\S+ +(\S+)$`).FindStringSubmatch(stdout)
	require.NotNil(t, expires, stdout)
	revoked, err := time.Parse(time.RFC3339, expires[1])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), revoked, time.Hour)

	for _, command := range []string{"show", "rotate", "revoke", "remove"} {
		_, stderr := j.sluice(cli.ExitFailed, "client", command, "nobody")
		require.Contains(t, stderr, "no client with this id")
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	j.sluice(cli.ExitOK, "client", "remove", "a")
}

// A client with keys has no secret, and a private key is an error.
func TestClientKeys(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	file := filepath.Join(t.TempDir(), "jwks.json")
	write := func(extra string) {
		require.NoError(t, os.WriteFile(file, []byte(`{"keys":[{"kty":"EC","crv":"P-384",
			"x":"wcE8O55ro6aOuTf5Ty1k_IG4mTcuLiVercHouge1G5Ri-leevhev4uJzlHpi3U8r",
			"y":"mLRgz8Giu6XA_AqG8bywqbygShmd8jowflrdx0KQtM5X4s4aqDeCRfcpexykp3aI",
			"kid":"key-1","alg":"ES384"`+extra+`}]}`), 0o600))
	}

	write(`,"d":"WcrTiYk8jbI-Sd1sKNpqGmELWGG08bf_y9SSlnC4cpAl5GRdHHN9gKYlPvMFqiJ5"`)
	_, stderr := j.sluice(cli.ExitFailed, "client", "add", "app", "--scope=system/*.rs", "--jwks="+file)
	require.Contains(t, stderr, "private")
	require.NotContains(t, stderr, "WcrTiYk8")

	write("")
	stdout, _ := j.sluice(cli.ExitOK, "client", "add", "app", "--scope=system/*.rs", "--jwks="+file)
	require.Equal(t, "client app added\n", stdout)
	_, stderr = j.sluice(cli.ExitFailed, "client", "change", "app", "--jwks-url=http://app.example.org/jwks")
	require.Contains(t, stderr, "https://")
	j.sluice(cli.ExitOK, "client", "change", "app", "--jwks-url=https://app.example.org/jwks", "--jwks="+file)
	stdout, _ = j.sluice(cli.ExitOK, "client", "show", "app")
	require.Regexp(t, `(?m)^keys +key-1\njwks url +https://app.example.org/jwks$`, stdout)
	require.NotContains(t, stdout, "secret")
	j.sluice(cli.ExitOK, "client", "change", "app", "--no-keys")
	j.sluice(cli.ExitUsage, "client", "change", "app", "--no-keys", "--jwks="+file)
	j.sluice(cli.ExitUsage, "client", "change", "app")
}

// Two secrets are valid during a rotation.
func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "a", "--scope=system/*.rs", "--secret=swordfish")
	address, _ := j.start("api")
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	j.sluice(cli.ExitOK, "client", "rotate", "a")
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	j.sluice(cli.ExitOK, "client", "rotate", "a", "--keep=0s")
	require.Equal(t, http.StatusUnauthorized, j.ask(http.MethodGet, address+"/Patient/$dump").status)
}
