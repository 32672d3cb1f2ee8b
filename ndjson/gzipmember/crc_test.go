package gzipmember

import (
	"hash/crc32"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestJoinCRC(t *testing.T) {
	t.Parallel()
	require.NoError(t, quick.Check(func(first, second []byte) bool {
		whole := crc32.ChecksumIEEE(append(first[:len(first):len(first)], second...))
		return joinCRC(crc32.ChecksumIEEE(first), crc32.ChecksumIEEE(second), len(second)) == whole
	}, nil))
}
