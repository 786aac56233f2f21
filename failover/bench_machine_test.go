package failover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"holdfast/failover/fence"
	"holdfast/failover/vip"
)

// journal is what happened, in order, as lines of a few words.
type journal struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) has(line string) bool { return slices.Contains(j.all(), line) }

// count is how often a line was written.
func (j *journal) count(line string) (n int) {
	for _, l := range j.all() {
		if l == line {
			n++
		}
	}
	return n
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// since are the lines after the first n.
func (j *journal) since(n int) []string { return j.all()[n:] }

func (j *journal) len() int { return len(j.all()) }

// now is the clock of leases in a bubble of synctest, where a machine's own would go on.
func now() fence.Boottime { return fence.Boottime(time.Now().UnixNano()) }

// bench is a machine that is not there: its addresses and its fence, with a journal of what was done to them. It outlives controllers, as
// the kernel outlives daemons.
type bench struct {
	*journal
	stranger net.HardwareAddr  // who answers a probe
	slow     time.Duration     // what each change of the machine takes
	report   chan vip.Event    // what Watch reports
	claims   chan vip.Conflict // what Conflicts reports

	mu        sync.Mutex // guards following
	placed    map[netip.Addr]vip.Placed
	deadlines map[netip.Addr]fence.Boottime // of what is managed
	broken    map[string]error              // operation -> why it fails
}

func newBench() *bench {
	return &bench{
		journal: &journal{}, report: make(chan vip.Event), claims: make(chan vip.Conflict), placed: map[netip.Addr]vip.Placed{}, deadlines: map[netip.Addr]fence.Boottime{},
		broken: map[string]error{},
	}
}

var eth0 = vip.Interface{Name: "eth0", Index: 2, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}

// fail makes an operation fail; nil ends that.
func (b *bench) fail(op string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken[op] = err
}

// serving reports whether the kernel would let an address be served now.
func (b *bench) serving(addr string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := netip.MustParseAddr(addr)
	_, there := b.placed[a]
	return there && b.deadlines[a] > now()
}

func (b *bench) carries(addr string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, there := b.placed[netip.MustParseAddr(addr)]
	return there
}

// leave puts an address onto the machine as an earlier daemon would have left it.
func (b *bench) leave(addr string, deadline fence.Boottime) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := netip.MustParseAddr(addr)
	b.placed[a] = vip.Placed{Interface: eth0, Prefix: netip.PrefixFrom(a, a.BitLen())}
	b.deadlines[a] = deadline
}

// expired stands for the kernel, which removes what nobody renews.
const expired = "expired"

// takeAway removes an address behind the controller's back, and the kernel says so.
func (b *bench) takeAway(addr, by string) {
	b.mu.Lock()
	a := netip.MustParseAddr(addr)
	p := b.placed[a]
	delete(b.placed, a)
	b.mu.Unlock()
	e := vip.Event{Kind: vip.AddressRemoved, Interface: eth0, Address: p, Managed: true, By: by}
	if by == expired {
		e.By, e.Expired = "", true
	}
	b.report <- e
}

// change does an operation and writes it down when it is done.
func (b *bench) change(op string, a netip.Addr, f func() (changed bool, err error)) error {
	if b.slow > 0 {
		<-time.After(b.slow)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.broken[op]; err != nil {
		return err
	}
	changed, err := f()
	if changed {
		b.add(op + " " + a.String())
	}
	return err
}

func (b *bench) Resolve(a vip.Address) (vip.Interface, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return eth0, b.broken["resolve"]
}

func (b *bench) Put(i vip.Interface, a vip.Address, _ time.Duration) error {
	addr := a.Prefix.Addr()
	return b.change("put", addr, func() (bool, error) {
		_, there := b.placed[addr]
		b.placed[addr] = vip.Placed{Interface: i, Prefix: netip.PrefixFrom(addr, addr.BitLen())}
		return !there, nil
	})
}

func (b *bench) Remove(_ vip.Interface, a vip.Address) error {
	addr := a.Prefix.Addr()
	return b.change("remove", addr, func() (bool, error) {
		_, there := b.placed[addr]
		delete(b.placed, addr)
		return there, nil
	})
}

func (b *bench) Owned(...netip.Addr) ([]vip.Placed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []vip.Placed
	for _, p := range b.placed {
		out = append(out, p)
	}
	return out, b.broken["owned"]
}

func (b *bench) Announce(_ context.Context, _ vip.Interface, addr netip.Addr, _ int, _ time.Duration) error {
	return b.change("announce", addr, func() (bool, error) { return true, nil })
}

func (b *bench) Probe(ctx context.Context, _ vip.Interface, _ netip.Addr, wait time.Duration) (net.HardwareAddr, bool, error) {
	if b.stranger != nil {
		return b.stranger, true, nil
	}
	select {
	case <-time.After(wait):
		return nil, false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

func (b *bench) Conflicts(ctx context.Context, _ vip.Interface, _ []netip.Addr, report func(vip.Conflict)) error {
	for {
		select {
		case x := <-b.claims:
			report(x)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *bench) Watch(ctx context.Context, report func(vip.Event)) error {
	for {
		select {
		case e := <-b.report:
			report(e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *bench) Attach(int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.broken["attach"]; err != nil {
		return err
	}
	b.add("attach")
	return nil
}

func (b *bench) Manage(addr netip.Addr) error {
	return b.change("manage", addr, func() (bool, error) {
		_, managed := b.deadlines[addr]
		if !managed {
			b.deadlines[addr] = 0
		}
		return !managed, nil
	})
}

func (b *bench) Open(addr netip.Addr, deadline fence.Boottime) error {
	return b.change("open", addr, func() (bool, error) {
		was, managed := b.deadlines[addr]
		if !managed {
			return false, fence.ErrNotManaged
		}
		if b.placed[addr].Interface.Index == 0 {
			return false, errors.New("the fence was opened for an address that is not there")
		}
		b.deadlines[addr] = deadline
		return was <= now(), nil
	})
}

func (b *bench) Shut(addr netip.Addr) error {
	return b.change("shut", addr, func() (bool, error) {
		was, managed := b.deadlines[addr]
		if !managed {
			return false, fence.ErrNotManaged
		}
		b.deadlines[addr] = 0
		return was > 0, nil
	})
}

func (b *bench) Forget(addr netip.Addr) error {
	return b.change("forget", addr, func() (bool, error) {
		_, managed := b.deadlines[addr]
		delete(b.deadlines, addr)
		return managed, nil
	})
}

func (b *bench) Deadline(addr netip.Addr) (fence.Boottime, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, managed := b.deadlines[addr]
	if !managed {
		return 0, fence.ErrNotManaged
	}
	return d, nil
}

func (b *bench) Managed() ([]netip.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []netip.Addr
	for a := range b.deadlines {
		out = append(out, a)
	}
	return out, b.broken["managed"]
}

func (b *bench) Driver() string { return "bench" }
