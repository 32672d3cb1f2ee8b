package memory_test

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/limit/memory"
)

// The limit is that of the process and of the tasks in progress; the user's is not changed.
func TestLimit(t *testing.T) {
	current := func() int64 { return debug.SetMemoryLimit(-1) }
	users := current()
	t.Cleanup(func() { debug.SetMemoryLimit(users) })
	memory.Raise(1 << 30)()
	require.Equal(t, users, current())

	memory.Set(1 << 30)
	require.EqualValues(t, 1<<30, current())
	lowerFirst := memory.Raise(1 << 20)
	lowerSecond := memory.Raise(2 << 20)
	require.EqualValues(t, 1<<30+3<<20, current())
	lowerFirst()
	lowerFirst()
	require.EqualValues(t, 1<<30+2<<20, current())
	lowerSecond()
	require.EqualValues(t, 1<<30, current())
}
