package fence

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// ErrNotManaged says that the fence does not know the address: call Manage first.
var ErrNotManaged = errors.New("address is not managed by the fence")

// Options choose how the kernel is made to fence.
type Options struct {
	// Driver is "tcx", "clsact" or "nftables"; "auto" or nothing takes the first
	// of these that this machine allows.
	Driver string
	// Logger hears of attachments and takeovers; nil means silence.
	Logger *slog.Logger
}

// A Fence is the kernel's list of managed addresses and their deadlines. Its
// methods may be called at the same time, except Close and Remove, which come
// last.
type Fence struct {
	kind   kind
	driver driver
	log    *slog.Logger
	passed []string // why each kind before this one was passed over

	mu sync.Mutex // guards the attachments: one change at a time
}

// New finds the fence that an earlier daemon left in this network namespace and
// takes it over, or makes an empty one. It starts nothing; enforcement begins with
// Attach and Manage. If no driver can work, the error says in one sentence what
// is missing.
func New(o Options) (*Fence, error) {
	f := &Fence{log: o.Logger}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if f.kind, f.passed, err = choose(o.Driver); err != nil {
		return nil, err
	}
	if f.driver, err = f.kind.open(); err != nil {
		return nil, fmt.Errorf("open fence %s: %w", f.kind.name, err)
	}
	if err := f.inherit(); err != nil {
		return nil, errors.Join(err, f.driver.close())
	}
	managed, err := f.Managed()
	if err != nil {
		return nil, errors.Join(err, f.driver.close())
	}
	if len(managed) > 0 {
		f.log.Info("took over the fence of an earlier daemon", "driver", f.kind.name, "addresses", managed)
	}
	return f, nil
}

// Attach puts the fence on an interface. It repairs what is missing, replaces
// what an earlier daemon left and changes nothing if all is well, so it may be
// called for every interface again and again. An interface that disappeared and
// came back has a new index: attach that.
func (f *Fence) Attach(ifindex int) error {
	l, err := linkByIndex(ifindex)
	if err != nil {
		return fmt.Errorf("attach fence: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.driver.attach(l); err != nil {
		return fmt.Errorf("attach fence %s to %s: %w", f.kind.name, l.name, err)
	}
	return nil
}

// Manage puts an address under the fence, closed. An address that is managed
// already keeps its deadline, so that a restarted daemon interrupts nothing. Call
// it before the address is added to an interface.
func (f *Fence) Manage(addr netip.Addr) error {
	a, err := manageable(addr)
	if err != nil {
		return err
	}
	return wrap("manage", a, f.driver.manage(a))
}

// Open lets a managed address be served until the deadline. A deadline that has
// passed opens nothing, however late the call comes (but see the nftables
// driver). Later calls may move the deadline either way.
func (f *Fence) Open(addr netip.Addr, deadline Boottime) error {
	return wrap("open", addr, f.driver.set(addr.Unmap(), max(deadline, 0)))
}

// Shut closes a managed address now.
func (f *Fence) Shut(addr netip.Addr) error {
	return wrap("shut", addr, f.driver.set(addr.Unmap(), 0))
}

// Forget stops managing an address, which the network may reach from then on. It
// refuses while an interface of this machine has the address: remove that first.
func (f *Fence) Forget(addr netip.Addr) error {
	a := addr.Unmap()
	local, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("forget %s: list the addresses of this machine: %w", a, err)
	}
	for _, l := range local {
		if p, err := netip.ParsePrefix(l.String()); err == nil && p.Addr().Unmap() == a {
			return fmt.Errorf("forget %s: an interface of this machine still has it: remove the address first", a)
		}
	}
	return wrap("forget", a, f.driver.forget(a))
}

// Deadline returns until when the kernel serves the address; the zero Boottime
// or a past one means closed. An address that is not managed gives ErrNotManaged.
func (f *Fence) Deadline(addr netip.Addr) (Boottime, error) {
	deadline, err := f.driver.deadline(addr.Unmap())
	return deadline, wrap("read deadline of", addr, err)
}

// Managed returns the managed addresses in order, those included that an earlier
// daemon left: whoever takes the fence over decides what becomes of them.
func (f *Fence) Managed() ([]netip.Addr, error) {
	all, err := f.driver.deadlines()
	if err != nil {
		return nil, fmt.Errorf("list managed addresses: %w", err)
	}
	addrs := make([]netip.Addr, 0, len(all))
	for a := range all {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, nil
}

// Driver returns "ebpf/tcx", "ebpf/clsact" or "nftables".
func (f *Fence) Driver() string { return f.kind.name }

// Describe says in a line how the kernel enforces the fence, in what that is
// weaker than it could be, and why no better driver was taken.
func (f *Fence) Describe() string {
	line := f.kind.name + ": " + f.kind.traits
	if len(f.passed) > 0 {
		line += " (passed over: " + strings.Join(f.passed, "; ") + ")"
	}
	return line
}

// Close releases our handles. The enforcement stays in the kernel.
func (f *Fence) Close() error { return f.driver.close() }

// Remove ends the enforcement and closes the fence. It refuses while an address
// is managed.
func (f *Fence) Remove() error {
	managed, err := f.Managed()
	if err != nil {
		return fmt.Errorf("remove fence: %w", err)
	}
	if len(managed) > 0 {
		return fmt.Errorf("remove fence: it still manages %v: forget each first", managed)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.driver.remove(); err != nil {
		return fmt.Errorf("remove fence %s: %w", f.kind.name, err)
	}
	return nil
}

func wrap(verb string, addr netip.Addr, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, addr, err)
}

// manageable returns the address in the form in which it is kept.
func manageable(addr netip.Addr) (netip.Addr, error) {
	a := addr.Unmap()
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLoopback():
		return a, fmt.Errorf("manage %s: only a unicast address of the network can be fenced", addr)
	case a.Zone() != "":
		return a, fmt.Errorf("manage %s: a fence covers all interfaces: give the address without its zone", addr)
	}
	return a, nil
}
