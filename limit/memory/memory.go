// Package memory sets the soft memory limit of the process: what it needs at all times, and
// a share for each task in progress that needs more. The garbage collector then neither lets
// the heap grow to twice of what is in use, as Go does without a limit, nor runs all the
// time because the limit is too low for the tasks.
//
// It must not know the tasks.
package memory

import (
	"runtime/debug"
	"sync"
)

var (
	mu    sync.Mutex
	limit int64 // 0 = Set was not called
)

// Set sets the limit of a process without tasks, in bytes.
func Set(bytes int64) {
	mu.Lock()
	defer mu.Unlock()
	limit = bytes
	debug.SetMemoryLimit(limit)
}

// Raise raises the limit by the memory of a task, in bytes, until lower is called. It does
// nothing if Set was not called: the limit is then the user's (GOMEMLIMIT).
func Raise(bytes int64) (lower func()) {
	add(bytes)
	return sync.OnceFunc(func() { add(-bytes) })
}

func add(bytes int64) {
	mu.Lock()
	defer mu.Unlock()
	if limit > 0 {
		limit += bytes
		debug.SetMemoryLimit(limit)
	}
}
