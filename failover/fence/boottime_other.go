//go:build !linux

package fence

import "golang.org/x/sys/unix"

// Now returns the present instant: elsewhere CLOCK_MONOTONIC serves.
func Now() Boottime {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return Boottime(now.Nano())
}
