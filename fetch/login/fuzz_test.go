package login

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseKey: a key that is accepted can sign, whatever the file is.
func FuzzParseKey(f *testing.F) {
	for _, kind := range []string{"ES384", "RS384"} {
		private, public, err := GenerateKey(kind)
		require.NoError(f, err)
		f.Add(private, "")
		f.Add(public, "kid")
	}
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"), "kid")
	f.Fuzz(func(t *testing.T, document []byte, kid string) {
		key, err := parseKey(document, kid)
		if err != nil {
			return
		}
		require.NotEmpty(t, key.KeyID)
		_, err = sign("client", "https://server.example.org/token", key)
		require.NoError(t, err)
	})
}
