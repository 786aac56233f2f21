package quorum

import (
	"time"

	"golang.org/x/sys/unix"
)

// steady is for waiting: what it measures is never more than what has passed.
func steady() time.Duration { return read(steadyClock) }

// boottime is for trusting: what it measures is never less than what has passed.
func boottime() time.Duration { return read(boottimeClock) }

func read(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		panic("quorum: this system lacks a clock that Holdfast cannot do without: " + err.Error())
	}
	return time.Duration(t.Nano())
}
