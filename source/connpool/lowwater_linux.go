package connpool

import (
	"os"
	"syscall"
)

// setLowWater sets how many bytes must be received before a socket is readable for poll
// (socket(7), SO_RCVLOWAT), unless the connection has ended. They can be read at any time.
func setLowWater(raw syscall.RawConn, bytes int) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes))
	})
	if err != nil {
		return err
	}
	return failed
}
