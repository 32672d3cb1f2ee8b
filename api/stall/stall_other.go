//go:build !linux

package stall

import "syscall"

// bytesAcked returns 0: the system does not report acknowledged bytes.
func bytesAcked(syscall.RawConn) uint64 { return 0 }
