package proxy

import (
	"errors"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// pipeSize is how much a pipe holds; an administrator may have set less.
const pipeSize = 1 << 20

// pipe is what bytes pass through from one socket to another without leaving the kernel. It is empty whenever it is in the pool.
type pipe struct{ ends [2]int }

var pipes sync.Pool

func openPipe() (*pipe, error) {
	if p, ok := pipes.Get().(*pipe); ok {
		return p, nil
	}
	p := &pipe{}
	if err := unix.Pipe2(p.ends[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	_, _ = unix.FcntlInt(uintptr(p.ends[0]), unix.F_SETPIPE_SZ, pipeSize) // a small one does, too
	runtime.AddCleanup(p, func(ends [2]int) {
		_ = unix.Close(ends[0]) // nobody has it any more
		_ = unix.Close(ends[1]) //
	}, p.ends)
	return p, nil
}

// moveFrom moves what comes from src, until its end, its read deadline or an error. It returns the bytes that were moved.
func (c *conn) moveFrom(src *conn) (moved int64, err error) {
	p, err := openPipe()
	if err != nil {
		return 0, err
	}
	held := 0
	defer func() {
		if held == 0 {
			pipes.Put(p)
		}
		runtime.KeepAlive(p)
	}()
	for {
		held, err = splice(src.raw.Read, func(fd int) (int, error) { return spliceOnce(fd, p.ends[1], pipeSize) })
		if held == 0 || err != nil {
			held = 0
			return moved, err
		}
		for held > 0 {
			n, err := splice(c.raw.Write, func(fd int) (int, error) { return spliceOnce(p.ends[0], fd, held) })
			held, moved = held-n, moved+int64(n)
			if err == nil && n == 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return moved, err
			}
		}
	}
}

// splice moves bytes between a socket and a pipe once the socket is ready.
func splice(ready func(func(uintptr) bool) error, try func(socket int) (int, error)) (n int, err error) {
	var failed error
	err = ready(func(fd uintptr) bool {
		for {
			if n, failed = try(int(fd)); !errors.Is(failed, unix.EINTR) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	if err == nil {
		err = failed
	}
	return max(n, 0), err
}

func spliceOnce(from, to, most int) (int, error) {
	n, err := unix.Splice(from, nil, to, nil, most, unix.SPLICE_F_NONBLOCK)
	return int(n), err
}
