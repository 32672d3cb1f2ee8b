//go:build !linux

package connpool

import "syscall"

// setLowWater does nothing: reads come as they come.
func setLowWater(syscall.RawConn, int) error { return nil }
