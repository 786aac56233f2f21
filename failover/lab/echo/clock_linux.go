package echo

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the clock that all machines of a lab share, because they share a kernel.
func Monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Roomy gives a socket buffers that outlast a processor that is busy elsewhere for a second, or a hardware address that is long in coming:
// as much as the right to exceed the system's limits allows.
func Roomy(c *net.UDPConn) {
	const size = 4 << 20
	_ = c.SetReadBuffer(size)
	_ = c.SetWriteBuffer(size)
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size)
	})
}
