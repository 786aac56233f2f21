//go:build !linux

package lease

import "golang.org/x/sys/unix"

// granterClock may be slewed here by what adjtime(2) of these systems allows, half a thousandth, which Margin leaves room for.
const granterClock = unix.CLOCK_MONOTONIC
