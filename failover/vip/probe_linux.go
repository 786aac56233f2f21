package vip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// probes is how often a probe asks within its wait, as RFC 5227 does within
// seconds: one lost packet must not hide an owner.
const probes = 3

// Probe asks the neighbours who has addr and returns the first answer from
// another machine, or found = false after wait. The question claims nothing
// (RFC 5227 section 2.1.1, RFC 4862 section 5.4), so it may be asked while
// another machine serves the address. The owner is nil if its answer named
// no hardware address. It takes no longer than wait.
func (h *Host) Probe(ctx context.Context, i Interface, addr netip.Addr, wait time.Duration) (owner net.HardwareAddr, found bool, err error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	l, err := h.ethernet(i)
	if err != nil {
		return nil, false, err
	}
	heard, end, err := h.listen(i, []netip.Addr{addr})
	if err != nil {
		return nil, false, err
	}
	defer end()
	ask := time.NewTimer(0)
	defer ask.Stop()
	for asked := 0; ; {
		select {
		case <-ask.C:
			if err := h.ask(ctx, l.Interface, addr); err != nil {
				return nil, false, err
			}
			if asked++; asked < probes {
				ask.Reset(wait / probes)
			}
		case c := <-heard.claims:
			if h.foreign(c.hardware) {
				return c.hardware, true, nil
			}
		case <-over.C:
			for len(heard.claims) > 0 { // heard while we were kept from running
				if c := <-heard.claims; h.foreign(c.hardware) {
					return c.hardware, true, nil
				}
			}
			return nil, false, nil
		case <-ctx.Done():
			return nil, false, fmt.Errorf("probe %s on %s: %w", addr, i, ctx.Err())
		}
	}
}

// ask sends one probe.
func (h *Host) ask(ctx context.Context, i Interface, addr netip.Addr) error {
	if addr.Is4() {
		return h.send(ctx, i, unix.ETH_P_ARP, []byte(broadcastHardware), arpProbe(i.HardwareAddr, addr))
	}
	packet, group, err := ndProbe(addr)
	if err != nil {
		return err
	}
	return h.send(ctx, i, unix.ETH_P_IPV6, multicastHardware(group), packet)
}
