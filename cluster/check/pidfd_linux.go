package check

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watch is an open pidfd: it becomes readable in the instant the process ends (pidfd_open(2), Linux 5.3).
type watch struct{ file *os.File }

func watchPID(pid int) (*watch, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	return &watch{os.NewFile(uintptr(fd), "pidfd")}, nil
}

// wait returns true when the process has ended, false when ctx has.
func (w *watch) wait(ctx context.Context) bool {
	defer context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Now()) })() // only wakes the read below
	raw, err := w.file.SyscallConn()
	if err != nil {
		return ctx.Err() == nil
	}
	err = raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor fits
		n, _ := unix.Poll(p, 0)                                  // an error reads as not ended: the next event asks again
		return n > 0
	})
	return err == nil && ctx.Err() == nil
}

func (w *watch) close() { _ = w.file.Close() } // it was only read
