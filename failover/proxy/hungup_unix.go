//go:build unix

package proxy

import (
	"net"

	"golang.org/x/sys/unix"
)

// hungUp reports whether a client that waits has gone: it is looked at without taking anything from it.
func hungUp(c *net.TCPConn) (gone bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var b [1]byte
	err = raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err == unix.ECONNRESET
	})
	return gone || err != nil
}
