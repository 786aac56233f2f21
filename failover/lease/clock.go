package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// DefaultTTL is how long a lease lives.
const DefaultTTL = 700 * time.Millisecond

// MaxTTL bounds what a holder believes of a leader.
const MaxTTL = 30 * time.Second

// Margin is how much longer than the TTL a leader takes a lease to live. It is the one place where the rates of clocks count.
//
// The holder's clock may be slow by a tenth: time daemons slew CLOCK_BOOTTIME to correct an offset, chrony by up to 8.3 % as it comes,
// systemd-timesyncd by 5 %, and adjtimex(2) allows 10 % and 500 ppm for the frequency. A TTL takes up to 1.112 TTL then. The clock
// that the leader waits on is not slewed (Now); an eighth leaves more than 1 % for it to be fast. The constant is for the packets that the
// kernel has let pass before the deadline and that are on their way.
func Margin(ttl time.Duration) time.Duration { return ttl/8 + 5*time.Millisecond }

// Now reads the clock of a Granter: CLOCK_MONOTONIC_RAW on Linux, CLOCK_MONOTONIC elsewhere. Its readings are for one another only: they say nothing of the time of day, and
// time.Now must not be mixed with them.
func Now() time.Time {
	var t unix.Timespec
	if err := unix.ClockGettime(granterClock, &t); err != nil {
		panic("lease: this system lacks a clock that Holdfast cannot do without: " + err.Error())
	}
	return time.Unix(t.Unix())
}
