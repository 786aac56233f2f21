package proxy

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads what is there, or waits. The calls to the kernel are RawSyscalls: they never wait, but what a peer on this machine does with a packet
// is done within them, and a scheduler that knew of them would take that for waiting, hand their processor on, and look again every 20 µs.
func (c *conn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	var errno syscall.Errno
	err = c.raw.Read(func(fd uintptr) bool {
		var r uintptr
		r, _, errno = unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		n = int(r)
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, os.NewSyscallError("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of it, unless it fails.
func (c *conn) Write(b []byte) (n int, err error) {
	var errno syscall.Errno
	for n < len(b) && err == nil && errno == 0 {
		err = c.raw.Write(func(fd uintptr) bool {
			var r uintptr
			r, _, errno = unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&b[n])), uintptr(len(b)-n))
			if errno == 0 {
				n += int(r)
			}
			return errno != unix.EAGAIN
		})
	}
	if err == nil && errno != 0 {
		err = os.NewSyscallError("write", errno)
	}
	return n, err
}

// CloseWrite tells the peer that nothing more will come.
func (c *conn) CloseWrite() error {
	var errno syscall.Errno
	err := c.raw.Control(func(fd uintptr) {
		_, _, errno = unix.RawSyscall(unix.SYS_SHUTDOWN, fd, unix.SHUT_WR, 0)
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("shutdown", errno)
	}
	return err
}

// dialAddr connects to an address. A net.Dialer would ask the kernel for both addresses of the connection, set what is not wanted, and wait to be told
// of what is so at once within a machine.
func dialAddr(ctx context.Context, a netip.AddrPort, limit time.Duration) (*conn, error) {
	family, sa, length := sockaddr(a)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	connect := func(fd uintptr) syscall.Errno {
		_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&sa)), uintptr(length))
		return errno
	}
	if err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		_ = unix.Close(fd) // it is not used
		return nil, os.NewSyscallError("setsockopt", err)
	}
	errno := connect(uintptr(fd))
	c, err := newConn(os.NewFile(uintptr(fd), "tcp"))
	if err != nil {
		return nil, err
	}
	if errno == unix.EINPROGRESS {
		errno, err = c.established(ctx, limit, connect)
	}
	if err == nil && errno != 0 {
		err = os.NewSyscallError("connect", errno)
	}
	if err != nil {
		_ = c.Close() // it has said nothing
		return nil, err
	}
	return c, nil
}

// established waits until a connection is there or refused. To connect once more is the question which of it: within a machine it is there at once, and
// there is no need to wait to be told.
func (c *conn) established(ctx context.Context, limit time.Duration, connect func(uintptr) syscall.Errno) (errno syscall.Errno, err error) {
	asked := false
	stop := func() bool { return true }
	err = c.raw.Write(func(fd uintptr) bool {
		errno = connect(fd)
		if errno != unix.EALREADY && errno != unix.EINPROGRESS {
			return true
		}
		if !asked {
			asked = true
			_ = c.SetWriteDeadline(time.Now().Add(limit))                                     // on a live socket
			stop = context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) }) // it may be closed
		}
		return false
	})
	if asked && stop() && err == nil {
		err = c.SetWriteDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = os.NewSyscallError("connect", unix.ETIMEDOUT)
	}
	return errno, err
}

// sockaddr is an address as the kernel wants it.
func sockaddr(a netip.AddrPort) (family int, sa unix.RawSockaddrInet6, length int) {
	ip := a.Addr().Unmap()
	port := [2]byte{byte(a.Port() >> 8), byte(a.Port())}
	if ip.Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
		v4.Family, v4.Addr = unix.AF_INET, ip.As4()
		*(*[2]byte)(unsafe.Pointer(&v4.Port)) = port
		return unix.AF_INET, sa, unix.SizeofSockaddrInet4
	}
	sa.Family, sa.Addr = unix.AF_INET6, ip.As16()
	*(*[2]byte)(unsafe.Pointer(&sa.Port)) = port
	return unix.AF_INET6, sa, unix.SizeofSockaddrInet6
}
