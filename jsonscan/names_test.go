package jsonscan_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// TestCompareNames: names are compared as decoded, not as written.
func TestCompareNames(t *testing.T) {
	t.Parallel()
	for _, written := range []string{
		``, `a`, `id`, `if`, `meta`, `metb`, `resourceType`, `é`, `日本語`,
		`\"`, `\\`, `\\\\`, `\b\f`, `\n\r`, `\t`, `\u0001`, `\u0001\u001f`, `\u0001eta`, `m\"ta`, `met\\`, `\\u0041`, `\u007f`,
	} {
		var read string
		require.NoError(t, json.Unmarshal([]byte(`"`+written+`"`), &read))
		for _, name := range []string{"a", "id", "meta", "resourceType"} {
			want := cmp.Or(cmp.Compare(len(read), len(name)), strings.Compare(read, name))
			require.Equal(t, want, jsonscan.CompareNames([]byte(written), name), "%s and %s", written, name)
		}
	}
	require.Zero(t, jsonscan.CompareNames([]byte("meta"), "meta"))
}
