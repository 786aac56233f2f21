//go:build !linux

package vip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"
)

// Host carries managed addresses on this machine. On this system it cannot:
// Open says so, and so does everything else.
type Host struct{}

// New returns a Host, to be opened.
func New() *Host { return &Host{} }

func unsupported() error {
	return fmt.Errorf("virtual addresses cannot be managed on %s: run this agent without groups, or on Linux", runtime.GOOS)
}

// Open fails on this system.
func (*Host) Open() error { return unsupported() }

// Close does nothing on this system.
func (*Host) Close() error { return nil }

// Resolve fails on this system.
func (*Host) Resolve(Address) (Interface, error) { return Interface{}, unsupported() }

// Put fails on this system.
func (*Host) Put(Interface, Address, time.Duration) error { return unsupported() }

// Remove fails on this system.
func (*Host) Remove(Interface, Address) error { return unsupported() }

// Set fails on this system.
func (*Host) Set([]Assigned, ...netip.Addr) (Changes, error) { return Changes{}, unsupported() }

// Owned fails on this system.
func (*Host) Owned(...netip.Addr) ([]Placed, error) { return nil, unsupported() }

// Announce fails on this system.
func (*Host) Announce(context.Context, Interface, netip.Addr, int, time.Duration) error {
	return unsupported()
}

// Probe fails on this system.
func (*Host) Probe(context.Context, Interface, netip.Addr, time.Duration) (net.HardwareAddr, bool, error) {
	return nil, false, unsupported()
}

// Watch fails on this system.
func (*Host) Watch(context.Context, func(Event)) error { return unsupported() }

// Conflicts fails on this system.
func (*Host) Conflicts(context.Context, Interface, []netip.Addr, func(Conflict)) error {
	return unsupported()
}

// Warnings fails on this system.
func (*Host) Warnings(Interface, Address) ([]string, error) { return nil, unsupported() }
