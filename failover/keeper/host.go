package keeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/cluster/pause"
	"holdfast/failover/fence"
	"holdfast/failover/vip"
)

// DefaultLead is how long before the end of a lease its addresses begin to be removed.
const DefaultLead = 100 * time.Millisecond

// Options say how a Host works.
type Options struct {
	Commands Commands
	Dir      string   // the data directory
	Program  []string // the program that calls Serve, to which the directory is appended
	Segment  Segment  // nil where only commands can speak to the neighbours
}

// Segment is the network segment as a system with raw sockets can reach it; vip.Host does.
type Segment interface {
	Announce(ctx context.Context, i vip.Interface, addr netip.Addr, n int, gap time.Duration) error
	Probe(ctx context.Context, i vip.Interface, addr netip.Addr, wait time.Duration) (net.HardwareAddr, bool, error)
	Conflicts(ctx context.Context, i vip.Interface, addrs []netip.Addr, report func(vip.Conflict)) error
}

// Host carries managed addresses, and is their fence. Its methods may be called at the same time.
type Host struct {
	commands Commands
	keeper   *client
	segment  Segment

	mu    sync.Mutex                    // guards following
	known map[netip.Addr]fence.Boottime // what the keeper has last said
}

// New makes a Host; Start starts it.
func New(o Options) *Host {
	return &Host{commands: o.Commands, segment: o.Segment, keeper: &client{dir: o.Dir, program: o.Program}, known: map[netip.Addr]fence.Boottime{}}
}

// Start finds the keeper of an earlier daemon, or starts one. The directory must be there.
func (h *Host) Start() error {
	return h.ask(request{Do: "list"})
}

// Close lets go of the keeper, which goes on until the last deadline has passed.
func (h *Host) Close() error {
	h.keeper.close()
	return nil
}

func (h *Host) ask(r request) error {
	all, err := h.keeper.ask(r)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = all
	return nil
}

// Resolve finds the interface of an address: the named one, or the one whose own addresses lie in its prefix.
func (h *Host) Resolve(a vip.Address) (vip.Interface, error) {
	if err := a.Validate(); err != nil {
		return vip.Interface{}, err
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return vip.Interface{}, fmt.Errorf("list the interfaces: %w", err)
	}
	var found []vip.Interface
	var names []string
	for _, i := range ifs {
		own := h.own(i)
		if slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Addr() == a.Prefix.Addr() }) {
			return vip.Interface{}, fmt.Errorf("vip %s is an address of this machine itself (on %s): remove it there, or choose another one", a.Prefix, i.Name)
		}
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		names = append(names, i.Name)
		near := slices.ContainsFunc(own, func(p netip.Prefix) bool {
			return a.Prefix.Contains(p.Addr()) || a.Prefix.IsSingleIP() && p.Contains(a.Prefix.Addr())
		})
		if a.Interface == i.Name || a.Interface == "" && near {
			found = append(found, vip.Interface{Name: i.Name, Index: i.Index, HardwareAddr: i.HardwareAddr})
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return vip.Interface{}, fmt.Errorf("several interfaces of this machine have an address in %s: name one with interface = \"...\"", a.Prefix.Masked())
	case a.Interface != "":
		return vip.Interface{}, fmt.Errorf("no interface of this machine is called %s (vip %s): name one of %s", a.Interface, a.Prefix, strings.Join(names, ", "))
	}
	return vip.Interface{}, fmt.Errorf("no interface of this machine has an address in %s: name one with interface = \"...\"", a.Prefix.Masked())
}

// own are the addresses of an interface that are not managed.
func (h *Host) own(i net.Interface) []netip.Prefix {
	addrs, err := i.Addrs()
	if err != nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if _, managed := h.known[p.Addr().Unmap()]; !managed {
			out = append(out, p)
		}
	}
	return out
}

// Put lets the keeper take the address on. It is on the machine only while the fence is open, and put back where something else removed
// it. The keeper, not a lifetime, removes it.
func (h *Host) Put(i vip.Interface, a vip.Address, _ time.Duration) error {
	addr := a.Prefix.Addr()
	add, err := render(h.commands.Add, placeOf(addr, i.Name))
	if err != nil {
		return err
	}
	remove, err := render(h.commands.Remove, placeOf(addr, i.Name))
	if err != nil {
		return err
	}
	if err := h.ask(request{Do: "manage", Addr: addr, Add: add, Remove: remove}); err != nil {
		return fmt.Errorf("put %s on %s: %w", addr, i, err)
	}
	return nil
}

// Remove takes the address off.
func (h *Host) Remove(_ vip.Interface, a vip.Address) error {
	if err := h.Shut(a.Prefix.Addr()); err != nil && !errors.Is(err, fence.ErrNotManaged) {
		return fmt.Errorf("remove %s: %w", a.Prefix.Addr(), err)
	}
	return nil
}

// Owned are the managed addresses that are on this machine.
func (h *Host) Owned(...netip.Addr) ([]vip.Placed, error) {
	managed, err := h.Managed()
	if err != nil {
		return nil, err
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	var out []vip.Placed
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && slices.Contains(managed, p.Addr().Unmap()) {
				out = append(out, vip.Placed{Interface: vip.Interface{Name: i.Name, Index: i.Index, HardwareAddr: i.HardwareAddr}, Prefix: p})
			}
		}
	}
	return out, nil
}

// Announce runs the announce command n times. Without one the system does it as the address is added, or the segment is told. An address that the keeper
// has removed meanwhile is not announced: no kernel holds the packet back, and a daemon that stood still must not take the neighbours from whoever
// serves it now. They would ask this machine for as long as they believe it, on Linux eight seconds.
func (h *Host) Announce(ctx context.Context, i vip.Interface, addr netip.Addr, n int, gap time.Duration) error {
	words, err := render(h.commands.Announce, placeOf(addr, i.Name))
	if err != nil {
		return err
	}
	for k := range n {
		switch {
		case k > 0 && !pause.For(ctx, gap):
			return ctx.Err()
		case !onMachine(addr):
			return fmt.Errorf("%s is not on this machine any more", addr)
		case len(words) == 0 && h.segment != nil:
			err = h.segment.Announce(ctx, i, addr, 1, 0)
		case len(words) > 0:
			err = announceBy(ctx, words)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func announceBy(ctx context.Context, words []string) error {
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil { //nolint:gosec // the operator's own command
		return fmt.Errorf("%q failed: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out[:min(len(out), maxOutput)])))
	}
	return nil
}

var hardwareAddr = regexp.MustCompile(`\b[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}\b`)

// Probe runs the probe command and looks for a hardware address in what it prints. Without one the segment is asked, or nobody.
func (h *Host) Probe(ctx context.Context, i vip.Interface, addr netip.Addr, wait time.Duration) (net.HardwareAddr, bool, error) {
	words, err := render(h.commands.Probe, placeOf(addr, i.Name))
	switch {
	case err != nil:
		return nil, false, err
	case len(words) == 0 && h.segment != nil:
		return h.segment.Probe(ctx, i, addr, wait)
	case len(words) == 0:
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, max(wait, time.Second))
	defer cancel()
	out, _ := exec.CommandContext(ctx, words[0], words[1:]...).Output() //nolint:gosec // as above; one that fails has found nobody
	mac, err := net.ParseMAC(string(hardwareAddr.Find(out)))
	return mac, err == nil, nil
}

// Conflicts listens to the segment, or waits where it cannot be heard.
func (h *Host) Conflicts(ctx context.Context, i vip.Interface, addrs []netip.Addr, report func(vip.Conflict)) error {
	if h.segment != nil {
		return h.segment.Conflicts(ctx, i, addrs, report)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Watch waits: an address that something else removed is put back by the next Put.
func (*Host) Watch(ctx context.Context, _ func(vip.Event)) error {
	<-ctx.Done()
	return ctx.Err()
}
