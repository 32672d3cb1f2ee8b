package progress

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRowsBeginInTheFirstColumn: a terminal shows ^C where the cursor is, so that rows must
// not be erased from there.
func TestRowsBeginInTheFirstColumn(t *testing.T) {
	var out bytes.Buffer
	console := consoleOn(&out)
	for range 2 {
		_, err := console.WriteString("row\n")
		require.NoError(t, err)
		require.NoError(t, console.Flush(1))
	}
	require.Equal(t, "\rrow\n\rrow\n", out.String())
}
