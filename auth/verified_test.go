package auth

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCacheForgetsAfterAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		m := c.mark("id", "hash", "secret")
		require.False(t, c.has(m))

		c.add(m)
		time.Sleep(time.Minute - time.Nanosecond) // the bubble's clock: no time passes
		require.True(t, c.has(m), "asking does not prolong it")
		time.Sleep(time.Nanosecond)
		require.False(t, c.has(m))
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	var last mark
	for i := range 2 * cacheSize {
		last = c.mark(strconv.Itoa(i), "hash", "secret")
		c.add(last)
	}
	require.Equal(t, cacheSize, len(c.until)) //nolint:testifylint // Len prints the whole map
	require.True(t, c.has(last), "the newest is known")
}

func TestFullCacheDropsTheExpiredFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		for i := range cacheSize - 1 {
			c.add(c.mark(strconv.Itoa(i), "hash", "secret"))
		}
		time.Sleep(cacheLife / 2)
		younger, newest := c.mark("younger", "hash", "secret"), c.mark("newest", "hash", "secret")
		c.add(younger)
		time.Sleep(cacheLife / 2)
		c.add(newest)

		require.True(t, c.has(younger))
		require.True(t, c.has(newest))
		require.Equal(t, 2, len(c.until)) //nolint:testifylint // Len prints the whole map
	})
}

func TestMarks(t *testing.T) {
	t.Parallel()
	c := newCache()
	m := c.mark("id", "hash", "secret")
	require.Equal(t, m, c.mark("id", "hash", "secret"))
	for _, other := range [][3]string{
		{"id2", "hash", "secret"}, {"id", "hash2", "secret"}, {"id", "hash", "secret2"},
		{"i", "dhash", "secret"}, {"id", "has", "hsecret"}, {"id", "hash", ""},
	} {
		require.NotEqual(t, m, c.mark(other[0], other[1], other[2]), other)
	}
	require.NotEqual(t, m, newCache().mark("id", "hash", "secret"), "each process has its own key")
}
