package connpool

import (
	"os"
	"syscall"
)

// setLowWater makes a socket readable for those that wait only when so many bytes
// have come, or no more will (socket(7), SO_RCVLOWAT). What is there can be read
// at any time.
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
