package keeper

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm calls a function when a time is over. It counts on CLOCK_BOOTTIME: Go's own timers stand still while the machine sleeps, and one that woke up
// after its deadline would serve on for what was left when it fell asleep.
type alarm struct{ f *os.File }

// newAlarm makes an alarm that is not set.
func newAlarm(call func()) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	a := &alarm{os.NewFile(uintptr(fd), "timerfd")}
	go func() {
		var times [8]byte
		for {
			if _, err := a.f.Read(times[:]); err != nil {
				return // closed
			}
			call()
		}
	}()
	return a, nil
}

// set lets the alarm go off once, after d, and not at the time for which it was set before.
func (a *alarm) set(d time.Duration) { a.arm(max(d, 1)) }

// stop lets it not go off; a call that has begun goes on.
func (a *alarm) stop() { a.arm(0) }

func (a *alarm) arm(d time.Duration) {
	raw, err := a.f.SyscallConn()
	if err != nil {
		return // closed: nobody waits for it any more
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil) // it fails for what is no timer
	})
}

// close ends the alarm.
func (a *alarm) close() { _ = a.f.Close() }
