package echo

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Steadily runs fn on a thread of its own, which ends with it and which the kernel prefers to all ordinary ones where it allows that. An
// instrument must not miss what it measures because a daemon, or a compiler next door, keeps the processors busy. The thread waits
// in system calls (Readable, SleepUntil), not in Go's scheduler, whose other threads are ordinary ones.
func Steadily(fn func()) {
	runtime.LockOSThread() // and never unlock: nobody else gets a thread with this priority
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: 1,
	}, 0) // refused to ordinary users: then the instrument takes its turn like everyone
	fn()
}

// glance is how long a thread that waits takes to notice that it is no longer wanted.
const glance = 20 * time.Millisecond

// Readable waits until there is something to read, a glance at most. An error is left for the read to find.
func Readable(c syscall.RawConn) (ready bool) {
	err := c.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(glance/time.Millisecond))
		ready = n > 0 && err == nil
	})
	return ready || err != nil
}

// SleepUntil sleeps until a moment of the clock that Monotonic reads.
func SleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(int64(at))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
		continue
	}
}
