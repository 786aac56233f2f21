package failover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/failover/fence"
	"holdfast/failover/vip"
)

// validFor is the lifetime that the kernel is told for an address: garbage collection, should this daemon die and never come back.
const validFor = 4 * time.Second

// carrier is one group on this machine, in one epoch: its addresses, behind their fence. It is made closed; the lease opens it.
type carrier struct {
	group    string
	epoch    uint64
	places   []place
	deadline fence.Boottime // of the lease; zero: it has never been open
	began    time.Time      // when this machine began to claim
	stop     context.CancelFunc

	apart     bool               // the addresses are not on the machine yet: it replicates from them until its role begins
	ready     bool               // nothing need be started any more before the fence opens
	granted   fence.Boottime     // until when the lease lives while something is being started; 0 before
	starting  context.CancelFunc // gives up what is being started; nil before
	runs      []cluster.Run      // started, or about to be
	holding   bool               // without a leader, with every voter's word
	releasing string             // why it is being given back, "" while it is not: the fence is shut, and something is being stopped
}

// place is one address with where it goes.
type place struct {
	address vip.Address
	iface   vip.Interface
}

func (p place) addr() netip.Addr { return p.address.Prefix.Addr() }

func (p place) String() string { return fmt.Sprintf("%s on %s", p.address.Prefix, p.iface.Name) }

// serving reports whether the lease's deadline lies ahead.
func (c *carrier) serving(now fence.Boottime) bool { return c.deadline > now }

func (c *carrier) addresses() []string {
	var out []string
	for _, p := range c.places {
		out = append(out, p.String())
	}
	return out
}

// machine puts groups onto this machine and takes them off: the fence first, then the address; and the other way round.
type machine struct {
	addrs Addresses
	fence Fence
}

// resolve finds where the addresses go, or says in a sentence why this machine cannot carry them. It changes nothing.
func (m *machine) resolve(vips []cluster.VIP) ([]place, error) {
	var out []place
	for _, v := range vips {
		p := place{address: vip.Address{Prefix: v.Prefix, Interface: v.Interface, Source: v.Source}}
		var err error
		if p.iface, err = m.addrs.Resolve(p.address); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// prepare puts the addresses onto the machine behind the closed fence. What an earlier daemon of this machine left open stays open until
// its deadline.
func (m *machine) prepare(places []place) error {
	for _, p := range places {
		one := []place{p}
		if err := m.manage(one); err != nil {
			return err
		}
		if err := m.put(one); err != nil {
			return err
		}
	}
	return nil
}

// manage puts the addresses under the fence, closed, and not onto the machine.
func (m *machine) manage(places []place) error {
	for _, p := range places {
		if err := m.fence.Attach(p.iface.Index); err != nil {
			return fmt.Errorf("the fence does not hold on %s: %w", p.iface.Name, err)
		}
		if err := m.fence.Manage(p.addr()); err != nil {
			return fmt.Errorf("the fence does not take %s: %w", p.addr(), err)
		}
	}
	return nil
}

// put puts addresses that are under the fence onto the machine.
func (m *machine) put(places []place) error {
	for _, p := range places {
		if err := m.addrs.Put(p.iface, p.address, validFor); err != nil {
			return fmt.Errorf("%s cannot be added: %w", p, err)
		}
	}
	return nil
}

// guard puts the fence on every interface: Linux answers for its addresses on all of them, not only on the one that carries them. It
// answers a sentence for each interface that cannot be fenced.
func (m *machine) guard() []string {
	ifs, err := net.Interfaces()
	if err != nil {
		return []string{"the interfaces cannot be listed: " + err.Error()}
	}
	var bare []string
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if err := m.fence.Attach(i.Index); err != nil {
			bare = append(bare, fmt.Sprintf("the fence does not hold on %s: %v", i.Name, err))
		}
	}
	return bare
}

// open lets the addresses be served until the deadline.
func (m *machine) open(places []place, deadline fence.Boottime) error {
	var errs []error
	for _, p := range places {
		errs = append(errs, m.fence.Open(p.addr(), deadline))
	}
	return errors.Join(errs...)
}

// shut closes the fence now. It is the first step of every release, and takes microseconds.
func (m *machine) shut(places []place) error {
	var errs []error
	for _, p := range places {
		if err := m.fence.Shut(p.addr()); err != nil && !errors.Is(err, fence.ErrNotManaged) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// remove takes closed addresses off the machine, and then from the fence.
func (m *machine) remove(places []place) error {
	var errs []error
	for _, p := range places {
		if err := m.addrs.Remove(p.iface, p.address); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := m.fence.Forget(p.addr()); err != nil && !errors.Is(err, fence.ErrNotManaged) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// refresh renews the addresses' lifetime.
func (m *machine) refresh(places []place) error {
	var errs []error
	for _, p := range places {
		errs = append(errs, m.addrs.Put(p.iface, p.address, validFor))
	}
	return errors.Join(errs...)
}

// leftovers takes off what an earlier daemon left and nobody has claimed since: addresses that are on the machine or under the fence,
// but not in keep. One whose lease still lives, as the fence says, is left alone until it has ended.
func (m *machine) leftovers(keep []netip.Addr, now fence.Boottime) ([]vip.Placed, error) {
	managed, err := m.fence.Managed()
	if err != nil {
		return nil, err
	}
	owned, err := m.addrs.Owned(managed...)
	if err != nil {
		return nil, err
	}
	var removed []vip.Placed
	var errs []error
	for _, o := range owned {
		a := o.Prefix.Addr()
		if slices.Contains(keep, a) || m.live(a, now) {
			continue
		}
		errs = append(errs, m.addrs.Remove(o.Interface, vip.Address{Prefix: o.Prefix, Interface: o.Interface.Name, KeepPrefix: true}))
		removed = append(removed, o)
	}
	for _, a := range managed {
		if !slices.Contains(keep, a) && !m.live(a, now) {
			errs = append(errs, m.fence.Forget(a))
		}
	}
	return removed, errors.Join(errs...)
}

// left is until when a lease of an earlier daemon of this machine lets all the addresses be served; 0 where they are not.
func (m *machine) left(places []place, now fence.Boottime) fence.Boottime {
	var first fence.Boottime
	for _, p := range places {
		d, err := m.fence.Deadline(p.addr())
		if err != nil || d <= now {
			return 0
		}
		if first == 0 || d < first {
			first = d
		}
	}
	return first
}

func (m *machine) live(a netip.Addr, now fence.Boottime) bool {
	d, err := m.fence.Deadline(a)
	return err == nil && d > now
}
