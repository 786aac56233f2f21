package socket

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketsPerAddress is how many UDP sockets share an address: the kernel deals the clients out among them (SO_REUSEPORT, socket(7)), so that
// as many goroutines as there are processors read without sharing anything.
func socketsPerAddress() int { return min(runtime.GOMAXPROCS(0), 8) }

// shareable lets further sockets of this process bind the same address. Another process of the same user could, too: that the TCP port of
// the same number is bound first, and alone, keeps it from that.
func shareable(_, _ string, c syscall.RawConn) error {
	var err error
	if ctl := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); ctl != nil { //nolint:gosec // a descriptor
		return ctl
	}
	return err
}
