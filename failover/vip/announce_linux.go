package vip

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Announce tells the neighbours n times, gap apart and the first time at
// once, that addr is at this interface. Call it when the fence is open. It
// returns what became of the last time, or ctx's error if that ended first.
func (h *Host) Announce(ctx context.Context, i Interface, addr netip.Addr, n int, gap time.Duration) error {
	err := h.announce(ctx, i, addr)
	if n < 2 {
		return err
	}
	tick := time.NewTicker(max(gap, time.Millisecond))
	defer tick.Stop()
	for range n - 1 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("announce %s on %s: %w", addr, i, ctx.Err())
		case <-tick.C:
			err = h.announce(ctx, i, addr)
		}
	}
	return err
}

// announce sends one round of announcements, with the interface's hardware
// address of this moment: that of a bond changes.
func (h *Host) announce(ctx context.Context, i Interface, addr netip.Addr) error {
	l, err := h.ethernet(i)
	if err != nil {
		return err
	}
	if addr.Is4() {
		for _, packet := range arpAnnouncements(l.HardwareAddr, addr) {
			if err := h.send(ctx, l.Interface, unix.ETH_P_ARP, []byte(broadcastHardware), packet); err != nil {
				return err
			}
		}
		return nil
	}
	packet, err := ndAnnouncement(l.HardwareAddr, addr, sysctl("ipv6", l.Name, "forwarding") == "1")
	if err != nil {
		return err
	}
	return h.send(ctx, l.Interface, unix.ETH_P_IPV6, multicastHardware(netip.IPv6LinkLocalAllNodes()), packet)
}

// sysctl reads a setting of an interface, "" if there is none.
func sysctl(family, name, key string) string {
	b, _ := os.ReadFile(filepath.Join("/proc/sys/net", family, "conf", name, key))
	return strings.TrimSpace(string(b))
}
