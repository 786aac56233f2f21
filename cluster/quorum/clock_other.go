//go:build !linux

package quorum

import "golang.org/x/sys/unix"

// Elsewhere CLOCK_MONOTONIC is both. A time daemon may change its pace by a half in a thousand, which the margin of a lease covers many
// times; where it stands still while the machine sleeps, a machine that sleeps must not be a server.
const (
	steadyClock   = unix.CLOCK_MONOTONIC
	boottimeClock = unix.CLOCK_MONOTONIC
)
