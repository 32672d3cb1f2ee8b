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
		secret, generated, err := settings.secret(&output{stdin: strings.NewReader(input), stderr: &bytes.Buffer{}})
		require.Equal(t, want, secret)
		require.False(t, generated)
		require.Equal(t, want == "", err != nil)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	var m moment
	require.NoError(t, m.UnmarshalText([]byte("2030-12-31T12:00:00+01:00")))
	require.Equal(t, "2030-12-31T11:00:00Z", formatTime(m.Time))
	require.NoError(t, m.UnmarshalText([]byte("1h")))
	require.WithinDuration(t, time.Now().Add(time.Hour), m.Time, time.Minute)
	require.NoError(t, m.UnmarshalText([]byte("never")))
	require.Equal(t, "never", formatTime(m.Time))
	for _, wrong := range []string{"", "tomorrow", "-1h", "2030", "31.12.2030"} {
		require.Error(t, m.UnmarshalText([]byte(wrong)), wrong)
	}
}
