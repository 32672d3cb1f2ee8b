package stall

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bytesAcked returns how many bytes the peer of a TCP socket has acknowledged
// (tcp(7), TCP_INFO), or 0 if they cannot be read.
func bytesAcked(raw syscall.RawConn) (acked uint64) {
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			acked = info.Bytes_acked
		}
	})
	return acked
}
