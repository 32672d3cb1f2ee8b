package connpool

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMajorVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{
		"15.18 (Debian 15.18-0+deb12u1)": 15,
		"18beta1":                        18,
		"9.6.24":                         9,
		"14":                             14,
		"":                               0,
		"devel":                          0,
	} {
		require.Equal(t, want, majorVersion(version), version)
	}
}
