package fence

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
)

// Our filter stands before all others, under a handle of its own ("hold").
const (
	filterPriority = 1
	filterHandle   = 0x686f6c64
	etherAny       = 0x0003 // ETH_P_ALL
)

// clsact is the hook of kernels before tcx: a direct-action filter of the clsact
// qdisc, which may have filters of others too.
type clsact struct{}

func (clsact) check() error { return nil }

func (clsact) parent(d direction) uint32 {
	if d == ingress {
		return netlink.HANDLE_MIN_INGRESS
	}
	return netlink.HANDLE_MIN_EGRESS
}

func (c clsact) find(l link, d direction) ([]ebpf.ProgramID, error) {
	filters, err := c.filters(l, d)
	if err != nil {
		return nil, err
	}
	var ours []ebpf.ProgramID
	for _, f := range filters {
		if f, ok := f.(*netlink.BpfFilter); ok && f.Name == d.programName() {
			ours = append(ours, ebpf.ProgramID(f.Id))
		}
	}
	return ours, nil
}

func (c clsact) filters(l link, d direction) ([]netlink.Filter, error) {
	filters, err := netlink.FilterList(linkRef(l), c.parent(d))
	if err != nil {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	return filters, nil
}

// put gives the filter a fixed place, so that the kernel exchanges the old one, if
// there is one, in one step.
func (c clsact) put(l link, d direction, prog *ebpf.Program, _ ebpf.ProgramID) error {
	if err := c.ensureQdisc(l); err != nil {
		return err
	}
	if err := netlink.FilterReplace(c.filter(l, d, prog.FD())); err != nil {
		return fmt.Errorf("add bpf filter (is priority %d taken by a filter of another kind or protocol?): %w", filterPriority, err)
	}
	return nil
}

// ensureQdisc adds the qdisc if need be. Its place may be taken by an ingress
// qdisc, which would run an egress filter on what comes in.
func (clsact) ensureQdisc(l link) error {
	err := netlink.QdiscAdd(clsactQdisc(l))
	if err == nil {
		return nil
	}
	if !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("add qdisc clsact: %w", err)
	}
	qdiscs, err := netlink.QdiscList(linkRef(l))
	if err != nil {
		return fmt.Errorf("list qdiscs: %w", err)
	}
	for _, q := range qdiscs {
		if q.Attrs().Parent == netlink.HANDLE_CLSACT && q.Type() != "clsact" {
			return fmt.Errorf("a qdisc %q is in the place of clsact: replace it with clsact, which takes the same filters", q.Type())
		}
	}
	return nil
}

// drop also removes the qdisc once no filter is left.
func (c clsact) drop(l link, d direction, _ ebpf.ProgramID) error {
	if err := netlink.FilterDel(c.filter(l, d, -1)); err != nil {
		return fmt.Errorf("delete bpf filter: %w", err)
	}
	for _, d := range []direction{ingress, egress} {
		if left, err := c.filters(l, d); err != nil || len(left) > 0 {
			return err
		}
	}
	return netlink.QdiscDel(clsactQdisc(l))
}

func clsactQdisc(l link) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

func (c clsact) filter(l link, d direction, fd int) *netlink.BpfFilter {
	return &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: l.index, Parent: c.parent(d), Protocol: etherAny,
			Priority: filterPriority, Handle: filterHandle,
		},
		Fd: fd, Name: d.programName(), DirectAction: true,
	}
}

func linkRef(l link) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: l.index, Name: l.name}}
}
