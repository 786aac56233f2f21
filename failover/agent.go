package failover

import (
	"context"
	"net"
	"net/netip"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/conntrack"
	"holdfast/failover/effect"
	"holdfast/failover/fence"
	"holdfast/failover/outbox"
	"holdfast/failover/vip"
)

// Agent is what failover needs of the member that it runs on.
type Agent interface {
	Name() string
	WatchView() *state.View
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}

// Channel opens the lease channel of this machine to the leader.
type Channel interface {
	// OpenLease fails with cluster.NoLeader while there is none.
	OpenLease(ctx context.Context) (outbox.Stream, error)
	// LeaderChanged is closed when another member leads, or none.
	LeaderChanged() <-chan struct{}
	// Hold returns nil once every voter has said, after the call began, that it follows no leader and that this machine may go on with its leases.
	Hold(ctx context.Context) error
	// Beats holds a value, some times in a TTL, when this machine and the leader are awake anyway: a renewal then costs least. It may be silent.
	Beats() <-chan struct{}
}

// Addresses carries addresses on this machine; vip.Host does.
type Addresses interface {
	Resolve(a vip.Address) (vip.Interface, error)
	Put(i vip.Interface, a vip.Address, validFor time.Duration) error
	Remove(i vip.Interface, a vip.Address) error
	Owned(known ...netip.Addr) ([]vip.Placed, error)
	Announce(ctx context.Context, i vip.Interface, addr netip.Addr, n int, gap time.Duration) error
	Probe(ctx context.Context, i vip.Interface, addr netip.Addr, wait time.Duration) (net.HardwareAddr, bool, error)
	Conflicts(ctx context.Context, i vip.Interface, addrs []netip.Addr, report func(vip.Conflict)) error
	Watch(ctx context.Context, report func(vip.Event)) error
}

// Effects makes the machine do what goes with the addresses of groups; effect.Host does.
type Effects interface {
	Set(want []effect.Wanted, prune bool) (effect.Changes, map[string]error)
	Start(ctx context.Context, group string, r cluster.Run, environ []string) (output string, err error)
	Stop(ctx context.Context, group string, r cluster.Run, environ []string) (output string, err error)
	Started() map[string][]cluster.Run
	Watch(ctx context.Context, report func(by string)) error
}

// Connections keeps established connections through the groups that want it; conntrack.Sync does.
type Connections interface {
	Set(w conntrack.Want)
	Run(ctx context.Context, report func(why string))
}

// Fence makes the kernel enforce leases; fence.Fence does.
type Fence interface {
	Attach(ifindex int) error
	Manage(addr netip.Addr) error
	Open(addr netip.Addr, deadline fence.Boottime) error
	Shut(addr netip.Addr) error
	Forget(addr netip.Addr) error
	Deadline(addr netip.Addr) (fence.Boottime, error)
	Managed() ([]netip.Addr, error)
	Driver() string
}
