package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSecretFromInput(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{"swordfish\n": "swordfish", "sword fish\r\nx": "sword fish", "swordfish": "swordfish", "": "", "\n": ""} {
		settings := secretSettings{Secret: fromInput}
		secret, generated, err := settings.secret(t.Context(), &output{stdin: strings.NewReader(input), stderr: &bytes.Buffer{}})
		require.Equal(t, want, secret)
		require.False(t, generated)
		require.Equal(t, want == "", err != nil)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	at, err := parseTime("2030-12-31T12:00:00+01:00")
	require.NoError(t, err)
	require.Equal(t, "2030-12-31T11:00:00Z", formatTime(at))
	at, err = parseTime("1h")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), at, time.Minute)
	at, err = parseTime("never")
	require.NoError(t, err)
	require.Equal(t, "never", formatTime(at))
	for _, wrong := range []string{"", "tomorrow", "-1h", "2030", "31.12.2030"} {
		_, err := parseTime(wrong)
		require.Error(t, err, wrong)
	}
}
