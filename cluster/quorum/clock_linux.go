package quorum

import "golang.org/x/sys/unix"

// The clocks of Linux. CLOCK_MONOTONIC_RAW stands still while the machine sleeps, and no time daemon speeds it up or slows it down;
// CLOCK_BOOTTIME runs on while the machine sleeps.
const (
	steadyClock   = unix.CLOCK_MONOTONIC_RAW
	boottimeClock = unix.CLOCK_BOOTTIME
)
