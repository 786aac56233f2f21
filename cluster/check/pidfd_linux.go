package check

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watch is an open pidfd: it becomes readable in the instant the process ends (pidfd_open(2), Linux 5.3), and stays with that process
// whatever becomes of its number.
type watch struct {
	pid  int
	file *os.File
}

func watchPID(pid int) (*watch, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	return &watch{pid, os.NewFile(uintptr(fd), "pidfd")}, nil
}

// wait answers true when the process has ended, false when ctx has. It may be called again.
func (w *watch) wait(ctx context.Context) (bool, error) {
	if err := w.file.SetReadDeadline(time.Time{}); err != nil {
		return false, err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = w.file.SetReadDeadline(time.Now()) // only wakes the read below
	})
	defer func() {
		if !stop() {
			<-woken // or it would end the next wait
		}
	}()
	raw, err := w.file.SyscallConn()
	if err != nil {
		return false, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		var over bool
		over, failed = readable(fd)
		return over || failed != nil
	})
	switch {
	case failed != nil:
		return false, failed
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	}
	return false, err
}

// ended reports whether the process has ended, be it that its parent has not noticed yet.
func (w *watch) ended() bool {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return false
	}
	over := false
	_ = raw.Control(func(fd uintptr) { over, _ = readable(fd) }) // where it cannot be told, waiting will tell
	return over
}

func readable(fd uintptr) (bool, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor fits
	for {
		n, err := unix.Poll(p, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, os.NewSyscallError("poll", err)
		}
	}
}

func (w *watch) close() { _ = w.file.Close() } // it was only read
