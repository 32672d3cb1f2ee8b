//go:build !linux

package process

import "syscall"

// Only Linux tells a child of its parent's death. Elsewhere the next start
// finds what a killed stand left behind and stops it.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// EndWithParent does nothing where the kernel has no such service.
func EndWithParent() error { return nil }
