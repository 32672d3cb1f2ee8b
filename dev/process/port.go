package process

import (
	"fmt"
	"net"
	"strconv"
)

// FreePort returns a free port of 127.0.0.1: the wanted one if possible. Another process
// may take it before the caller uses it.
func FreePort(wanted int) (int, error) {
	if wanted != 0 {
		if port, err := listen(wanted); err == nil {
			return port, nil
		}
	}
	return listen(0)
}

func listen(port int) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
