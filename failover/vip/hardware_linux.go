package vip

import (
	"net"
	"sync"
	"time"
)

// hardware knows the hardware addresses of the machine's own interfaces.
type hardware struct {
	mu   sync.Mutex // guards following
	own  map[string]bool
	read time.Time
}

// foreign reports whether a claim comes from another machine: our own packets
// return where a switch or a bond reflects them, or where a second interface
// is in the same segment. The list is read again at most once a second.
func (h *Host) foreign(addr net.HardwareAddr) bool {
	h.hardware.mu.Lock()
	defer h.hardware.mu.Unlock()
	if h.hardware.own[string(addr)] {
		return false
	}
	if time.Since(h.hardware.read) < time.Second {
		return true
	}
	links, err := h.links()
	if err != nil {
		return true
	}
	h.hardware.own, h.hardware.read = map[string]bool{}, time.Now()
	for _, l := range links {
		if len(l.HardwareAddr) > 0 && !l.loopback() {
			h.hardware.own[string(l.HardwareAddr)] = true
		}
	}
	return !h.hardware.own[string(addr)]
}
