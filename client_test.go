package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What an operator does with clients, from the first secret to the last look.
func TestClientLife(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")

	stdout, _ := j.sluice(exitOK, "client", "add", "a", "--scope=system/*.rs", "--secret-life=2h", "--expires=2100-01-01", "--group=g1")
	require.Regexp(t, `^client a added\nsecret: [A-Za-z0-9_-]{43}\nKeep it now`, stdout)
	stdout, _ = j.sluice(exitOK, "client", "show", "a")
	require.Regexp(t, `(?m)^expires +2100-01-01T00:00:00Z\ngroups +g1\nsecret expires +20`, stdout)
	require.Regexp(t, `add by \S+@\S+ \(role postgres\)`, stdout)

	j.sluice(exitOK, "client", "change", "a", "--dumps=5", "--requests=0")
	j.sluice(exitOK, "client", "change", "a", "--dumps=default", "--kick-offs=7")
	j.sluice(exitUsage, "client", "change", "a", "--dumps=-1")
	stdout, _ = j.sluice(exitOK, "client", "show", "a")
	require.Regexp(t, `(?m)^kick-offs a minute +7\nrequests a minute +0$`, stdout)
	require.Regexp(t, `change by \S+ \(role postgres\): dumps: 5 → default; kick-offs: default → 7\n`, stdout)
	j.sluice(exitOK, "client", "change", "a", "--any-group", "--scope=system/Patient.rs", "--scope=system/Group.rs")
	j.sluice(exitOK, "client", "expire", "a", "never")
	stdout, stderr := j.sluice(exitOK, "client", "rotate", "a", "--secret=swordfish")
	require.Equal(t, "client a has a new secret\n", stdout)
	require.Regexp(t, `"msg":"audit","audit":{"action":"client rotate","outcome":"done","client":"a","actor":"\S+@\S+","role":"postgres","change":\d+,"details":{"previous secret expires":"none → \S+","secret":"replaced","secret expires":"\S+ → never"}}`, stderr)
	require.NotContains(t, stderr, "swordfish")
	stdout, _ = j.sluice(exitOK, "client", "show", "a")
	require.Contains(t, stdout, "system/Patient.rs system/Group.rs")
	require.Regexp(t, `(?m)^secret expires +never\nprevious secret expires +20`, stdout)
	require.NotRegexp(t, `(?m)^groups`, stdout)
	require.NotContains(t, stdout, "swordfish")

	j.sluice(exitOK, "client", "revoke", "a")
	stdout, _ = j.sluice(exitOK, "client", "list")
	require.Regexp(t, `(?m)^a +system/Patient.rs system/Group.rs +\S+ +`+time.Now().UTC().Format("2006-01-02"), stdout)

	for _, command := range []string{"show", "rotate", "revoke", "remove"} {
		_, stderr := j.sluice(exitFailed, "client", command, "nobody")
		require.Contains(t, stderr, "there is no client of this id")
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	j.sluice(exitOK, "client", "remove", "a")
}

// A client of keys has no secret, and a private key is not taken.
func TestClientKeys(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")
	file := filepath.Join(t.TempDir(), "jwks.json")
	write := func(extra string) {
		require.NoError(t, os.WriteFile(file, []byte(`{"keys":[{"kty":"EC","crv":"P-384",
			"x":"wcE8O55ro6aOuTf5Ty1k_IG4mTcuLiVercHouge1G5Ri-leevhev4uJzlHpi3U8r",
			"y":"mLRgz8Giu6XA_AqG8bywqbygShmd8jowflrdx0KQtM5X4s4aqDeCRfcpexykp3aI",
			"kid":"key-1","alg":"ES384"`+extra+`}]}`), 0o600))
	}

	write(`,"d":"WcrTiYk8jbI-Sd1sKNpqGmELWGG08bf_y9SSlnC4cpAl5GRdHHN9gKYlPvMFqiJ5"`)
	_, stderr := j.sluice(exitFailed, "client", "add", "app", "--scope=system/*.rs", "--jwks="+file)
	require.Contains(t, stderr, "private")
	require.NotContains(t, stderr, "WcrTiYk8")

	write("")
	stdout, _ := j.sluice(exitOK, "client", "add", "app", "--scope=system/*.rs", "--jwks="+file)
	require.Equal(t, "client app added\n", stdout)
	_, stderr = j.sluice(exitFailed, "client", "change", "app", "--jwks-url=http://app.example.org/jwks")
	require.Contains(t, stderr, "https://")
	j.sluice(exitOK, "client", "change", "app", "--jwks-url=https://app.example.org/jwks", "--jwks="+file)
	stdout, _ = j.sluice(exitOK, "client", "show", "app")
	require.Regexp(t, `(?m)^keys +key-1\nkeys at +https://app.example.org/jwks$`, stdout)
	require.NotContains(t, stdout, "secret")
	j.sluice(exitOK, "client", "change", "app", "--no-keys")
	j.sluice(exitUsage, "client", "change", "app", "--no-keys", "--jwks="+file)
	j.sluice(exitUsage, "client", "change", "app")
}

// Two secrets are good while the old one is being replaced.
func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(exitOK, "migrate")
	j.sluice(exitOK, "client", "add", "a", "--scope=system/*.rs", "--secret=swordfish")
	address, _ := j.start("api")
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	j.sluice(exitOK, "client", "rotate", "a")
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	j.sluice(exitOK, "client", "rotate", "a", "--keep=0s")
	require.Equal(t, http.StatusUnauthorized, j.ask(http.MethodGet, address+"/Patient/$dump").status)
}

func TestSecretFromInput(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{"swordfish\n": "swordfish", "sword fish\r\nx": "sword fish", "swordfish": "swordfish", "": "", "\n": ""} {
		settings := secretSettings{Secret: fromInput}
		secret, made, err := settings.take(&output{stdin: strings.NewReader(input), stderr: &bytes.Buffer{}})
		require.Equal(t, want, secret)
		require.False(t, made)
		require.Equal(t, want == "", err != nil)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	var m moment
	require.NoError(t, m.UnmarshalText([]byte("2030-12-31T12:00:00+01:00")))
	require.Equal(t, "2030-12-31T11:00:00Z", clock(m.Time))
	require.NoError(t, m.UnmarshalText([]byte("1h")))
	require.WithinDuration(t, time.Now().Add(time.Hour), m.Time, time.Minute)
	require.NoError(t, m.UnmarshalText([]byte("never")))
	require.Equal(t, "never", clock(m.Time))
	for _, wrong := range []string{"", "tomorrow", "-1h", "2030", "31.12.2030"} {
		require.Error(t, m.UnmarshalText([]byte(wrong)), wrong)
	}
}
