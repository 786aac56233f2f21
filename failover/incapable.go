package failover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"holdfast/failover/fence"
	"holdfast/failover/vip"
)

// Incapable stands in for what carries addresses on a machine that cannot: every group is refused with the reason, a sentence.
func Incapable(why string) (Addresses, Fence) {
	r := refusal{errors.New(why)}
	return r, closedFence{r}
}

// incapable is the reason with which Incapable made addrs, "" for any other.
func incapable(addrs Addresses) string {
	if r, ok := addrs.(refusal); ok {
		return r.err.Error()
	}
	return ""
}

type refusal struct{ err error }

func (r refusal) Resolve(vip.Address) (vip.Interface, error)          { return vip.Interface{}, r.err }
func (r refusal) Put(vip.Interface, vip.Address, time.Duration) error { return r.err }
func (r refusal) Remove(vip.Interface, vip.Address) error             { return nil }
func (r refusal) Owned(...netip.Addr) ([]vip.Placed, error)           { return nil, nil }
func (r refusal) Watch(ctx context.Context, _ func(vip.Event)) error  { <-ctx.Done(); return ctx.Err() }

func (r refusal) Announce(context.Context, vip.Interface, netip.Addr, int, time.Duration) error {
	return r.err
}

func (r refusal) Probe(context.Context, vip.Interface, netip.Addr, time.Duration) (net.HardwareAddr, bool, error) {
	return nil, false, r.err
}

func (r refusal) Conflicts(context.Context, vip.Interface, []netip.Addr, func(vip.Conflict)) error {
	return r.err
}

type closedFence struct{ r refusal }

func (f closedFence) Attach(int) error                            { return f.r.err }
func (f closedFence) Manage(netip.Addr) error                     { return f.r.err }
func (f closedFence) Open(netip.Addr, fence.Boottime) error       { return f.r.err }
func (f closedFence) Shut(netip.Addr) error                       { return nil }
func (f closedFence) Forget(netip.Addr) error                     { return nil }
func (f closedFence) Deadline(netip.Addr) (fence.Boottime, error) { return 0, fence.ErrNotManaged }
func (f closedFence) Managed() ([]netip.Addr, error)              { return nil, nil }
func (f closedFence) Driver() string                              { return "none" }
