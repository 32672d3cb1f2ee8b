package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHealthAddress(t *testing.T) {
	t.Parallel()
	got, err := (&healthCommand{Listen: "0.0.0.0:8080", adminSettings: adminSettings{AdminListen: ":9090"}, TLSCert: "cert.pem"}).address()
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:9090/ready", got)
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/ready", "0.0.0.0:80": "http://127.0.0.1:80/ready", ":8080": "http://127.0.0.1:8080/ready",
		"[::]:8080": "http://[::1]:8080/ready", "[::1]:8080": "http://[::1]:8080/ready", "sluice:8080": "http://sluice:8080/ready",
	} {
		got, err := (&healthCommand{Listen: listen}).address()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
