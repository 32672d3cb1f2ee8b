package connpool

import (
	"os"
	"syscall"
)

// setLowWater sets the low-water mark of a socket: it becomes readable for a waiting
// reader when so many bytes were received, or no more follow (socket(7), SO_RCVLOWAT).
// A read that does not wait returns what there is.
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
