package lease

import "golang.org/x/sys/unix"

// granterClock is one that no time daemon speeds up or slows down.
const granterClock = unix.CLOCK_MONOTONIC_RAW
