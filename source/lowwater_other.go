//go:build !linux

package source

import "syscall"

// setLowWater does nothing: there is no low-water mark.
func setLowWater(syscall.RawConn, int) error { return nil }
