package vip

import (
	"bytes"
	"net"
	"net/netip"
	"time"
)

// Conflict says that another machine claims a managed address.
type Conflict struct {
	Addr         netip.Addr
	HardwareAddr net.HardwareAddr // of the machine that claims it; nil if its packet named none
}

// claim is what an ARP or ND packet tells neighbours: addr is at hardware.
type claim struct {
	index    int // of the interface it came in by
	addr     netip.Addr
	hardware net.HardwareAddr
}

// repeatAfter is how long one machine's claims to one address count as one.
const repeatAfter = time.Second

// conflictLog drops the repetitions in a stream of claims.
type conflictLog map[netip.Addr]struct {
	hardware net.HardwareAddr
	reported time.Time
}

// fresh reports whether c at now is news, and remembers it if so.
func (l conflictLog) fresh(c claim, now time.Time) bool {
	last, known := l[c.addr]
	if known && bytes.Equal(last.hardware, c.hardware) && now.Sub(last.reported) < repeatAfter {
		return false
	}
	last.hardware, last.reported = c.hardware, now
	l[c.addr] = last
	return true
}
