package plain

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hangUps tells connections that their clients have closed their side. It has an epoll of its own, which looks for that alone, so that it costs a
// connection one system call in its life, and a request none. The runtime's poller waits for the epoll.
type hangUps struct {
	file *os.File
	raw  syscall.RawConn

	mu    sync.Mutex // guards following
	last  uint64
	conns map[uint64]hangUp
}

// hangUp is a connection whose end is waited for.
type hangUp struct {
	conn syscall.RawConn
	told func()
}

func openHangUps() (*hangUps, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	err = unix.SetNonblock(fd, true) // os.File then waits without a thread
	h := &hangUps{file: os.NewFile(uintptr(fd), "epoll"), conns: map[uint64]hangUp{}}
	if err == nil {
		h.raw, err = h.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, h.file.Close())
	}
	return h, nil
}

// add calls told when the client of a connection has closed its side. It gives a number for remove, 0 where that cannot be waited for.
func (h *hangUps) add(c net.Conn, told func()) uint64 {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	h.mu.Lock()
	h.last++
	n := h.last
	h.conns[n] = hangUp{raw, told}
	h.mu.Unlock()
	event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(n), Pad: int32(n >> 32)} //nolint:gosec // the two halves
	if err := h.control(raw, unix.EPOLL_CTL_ADD, &event); err != nil {
		h.remove(n)
		return 0
	}
	return n
}

// remove forgets a connection. It is for one that is still open.
func (h *hangUps) remove(n uint64) {
	h.mu.Lock()
	c, ok := h.conns[n]
	delete(h.conns, n)
	h.mu.Unlock()
	if ok {
		_ = h.control(c.conn, unix.EPOLL_CTL_DEL, nil) // where it was closed meanwhile, the kernel has forgotten it itself
	}
}

func (h *hangUps) control(c syscall.RawConn, op int, event *unix.EpollEvent) error {
	var refused, ended error // by the kernel; the epoll
	closed := c.Control(func(fd uintptr) {
		ended = h.raw.Control(func(epoll uintptr) { refused = unix.EpollCtl(int(epoll), op, int(fd), event) })
	})
	return errors.Join(refused, ended, closed)
}

// run tells them until close.
func (h *hangUps) run() {
	events := make([]unix.EpollEvent, 64)
	_ = h.raw.Read(func(epoll uintptr) bool {
		for {
			n, err := unix.EpollWait(int(epoll), events, 0)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return true // there is nothing else that it could be told
			}
			if err == nil && n == 0 {
				return false
			}
			for _, e := range events[:max(n, 0)] {
				h.tell(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32) //nolint:gosec // the two halves
			}
		}
	})
}

func (h *hangUps) tell(n uint64) {
	h.mu.Lock()
	told := h.conns[n].told
	h.mu.Unlock()
	if told != nil {
		told()
	}
}

func (h *hangUps) close() { _ = h.file.Close() }
