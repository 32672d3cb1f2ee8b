//go:build !linux

package connpool

import "syscall"

// setLowWater does nothing: there is no low-water mark.
func setLowWater(syscall.RawConn, int) error { return nil }
