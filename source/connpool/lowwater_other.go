//go:build !linux

package connpool

import "syscall"

// setLowWater does nothing: reads return what is received.
func setLowWater(syscall.RawConn, int) error { return nil }
