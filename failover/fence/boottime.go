package fence

import "time"

// Boottime is an instant on CLOCK_BOOTTIME, in nanoseconds since the machine
// started, time asleep included. Only this machine, until it restarts, knows what
// it means. The zero Boottime has always passed.
type Boottime int64

// Add returns the instant d after b.
func (b Boottime) Add(d time.Duration) Boottime { return b + Boottime(d) }

// Sub returns how long after o the instant b is.
func (b Boottime) Sub(o Boottime) time.Duration { return time.Duration(b - o) }

// String returns the time since the machine started, as in "3h4m5.6s".
func (b Boottime) String() string { return time.Duration(b).String() }
