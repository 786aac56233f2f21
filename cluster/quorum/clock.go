package quorum

import (
	"time"

	"golang.org/x/sys/unix"
)

// steady reads CLOCK_MONOTONIC_RAW: it stands still while the machine sleeps, and no time daemon speeds it up or slows it down. It is for
// waiting: what it measures is never more than what has passed.
func steady() time.Duration { return read(unix.CLOCK_MONOTONIC_RAW) }

// boottime reads CLOCK_BOOTTIME, which runs on while the machine sleeps. It is for trusting: what it measures is never less.
func boottime() time.Duration { return read(unix.CLOCK_BOOTTIME) }

func read(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic("quorum: this kernel lacks a clock that every Linux since 2.6.39 has: " + err.Error())
	}
	return time.Duration(t.Nano())
}
