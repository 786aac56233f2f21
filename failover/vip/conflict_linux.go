package vip

import (
	"context"
	"net/netip"
	"time"
)

// Conflicts calls report for each claim of another machine to one of the
// addresses, heard on the interface, until ctx ends. A machine that goes on
// claiming is reported once a second. It sends nothing: whether to defend the
// address or to leave it (RFC 5227 section 2.4) is the caller's to decide.
func (h *Host) Conflicts(ctx context.Context, i Interface, addrs []netip.Addr, report func(Conflict)) error {
	heard, end, err := h.listen(i, addrs)
	if err != nil {
		return err
	}
	defer end()
	log := conflictLog{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-heard.claims:
			if h.foreign(c.hardware) && log.fresh(c, time.Now()) {
				report(Conflict{c.addr, c.hardware})
			}
		}
	}
}
