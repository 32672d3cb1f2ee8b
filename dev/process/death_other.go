//go:build !linux

package process

import "syscall"

// Only Linux signals a child when its parent dies. On other systems the next start finds
// the processes of a killed stand and stops them.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// EndWithParent does nothing, since the kernel has no such feature.
func EndWithParent() error { return nil }
