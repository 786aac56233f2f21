package fence

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
)

// hook is a place in the kernel where a fence program can be attached to an
// interface so that it outlives the process.
type hook interface {
	// check says whether the kernel has such a place.
	check() error
	// find returns the fence programs at the interface, ours or an earlier daemon's.
	find(link, direction) ([]ebpf.ProgramID, error)
	// put attaches a program before all others, or exchanges it for old in one step.
	put(l link, d direction, prog *ebpf.Program, old ebpf.ProgramID) error
	// drop detaches a program that find returned.
	drop(link, direction, ebpf.ProgramID) error
}

// bpfDriver fences with eBPF: one map for all interfaces of the namespace, and one
// program for each direction and kind of packet.
type bpfDriver struct {
	leaseMap
	hook     hook
	programs map[place]*ebpf.Program
}

// place is what decides which program fits.
type place struct {
	direction direction
	ether     bool
}

// openBPF takes over the map that the attached programs use, or makes one.
func openBPF(h hook) (driver, error) {
	name, err := leaseMapName()
	if err != nil {
		return nil, err
	}
	lease, err := adoptMap(h, name)
	if err != nil {
		return nil, err
	}
	programs, err := loadPrograms(lease)
	if err != nil {
		return nil, errors.Join(err, lease.Close())
	}
	return &bpfDriver{leaseMap: lease, hook: h, programs: programs}, nil
}

// adoptMap returns the map of the fence in this namespace. Should two daemons have
// left one each, the second is added to the first.
func adoptMap(h hook, name string) (leaseMap, error) {
	var kept leaseMap
	err := eachProgram(h, func(_ link, _ direction, id ebpf.ProgramID) error {
		maps, err := leaseMapsOf(id, name)
		for _, m := range maps {
			if kept.Map == nil {
				kept = m
				continue
			}
			err = errors.Join(err, copyDeadlines(m, kept), m.Close())
		}
		return err
	})
	if err == nil && kept.Map == nil {
		kept.Map, err = ebpf.NewMap(leaseMapSpec(name))
	}
	return kept, err
}

// bpfLeft says whether an interface of this namespace carries a fence at the hook.
func bpfLeft(h hook) (bool, error) {
	var left bool
	err := eachProgram(h, func(link, direction, ebpf.ProgramID) error {
		left = true
		return nil
	})
	return left, err
}

// eachProgram visits every fence program at the hook on every interface.
func eachProgram(h hook, visit func(link, direction, ebpf.ProgramID) error) error {
	links, err := localLinks()
	if err != nil {
		return err
	}
	for _, l := range links {
		for _, d := range []direction{egress, ingress} {
			ids, err := h.find(l, d)
			if errors.Is(err, syscall.ENODEV) {
				continue // the interface has just gone
			}
			if err != nil {
				return fmt.Errorf("look for a fence on %s: %w", l.name, err)
			}
			for _, id := range ids {
				if err := visit(l, d, id); err != nil {
					return fmt.Errorf("fence on %s: %w", l.name, err)
				}
			}
		}
	}
	return nil
}

func loadPrograms(lease leaseMap) (map[place]*ebpf.Program, error) {
	programs := make(map[place]*ebpf.Program)
	for _, p := range []place{{ingress, true}, {ingress, false}, {egress, true}, {egress, false}} {
		prog, err := ebpf.NewProgram(fenceProgram(p.direction, p.ether, lease.Map))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("load the fence program: %w", err), closePrograms(programs))
		}
		programs[p] = prog
	}
	return programs, nil
}

func closePrograms(programs map[place]*ebpf.Program) error {
	var errs []error
	for _, prog := range programs {
		errs = append(errs, prog.Close())
	}
	return errors.Join(errs...)
}

// attach puts our programs in place, egress first: what is half attached must
// not speak.
func (b *bpfDriver) attach(l link) error {
	for _, d := range []direction{egress, ingress} {
		if err := b.attachProgram(l, d); err != nil {
			return err
		}
	}
	return nil
}

func (b *bpfDriver) attachProgram(l link, d direction) error {
	prog := b.programs[place{d, l.ether}]
	about, err := prog.Info()
	if err != nil {
		return err
	}
	ours, _ := about.ID()
	found, err := b.hook.find(l, d)
	if err != nil {
		return err
	}
	if !slices.Contains(found, ours) {
		var old ebpf.ProgramID
		if len(found) > 0 {
			old, found = found[0], found[1:]
		}
		if err := b.hook.put(l, d, prog, old); err != nil {
			return err
		}
	}
	for _, id := range found {
		if id == ours {
			continue
		}
		if err := b.hook.drop(l, d, id); err != nil {
			return err
		}
	}
	return nil
}

func (b *bpfDriver) attached() ([]link, error) {
	var links []link
	err := eachProgram(b.hook, func(l link, _ direction, _ ebpf.ProgramID) error {
		if !slices.Contains(links, l) {
			links = append(links, l)
		}
		return nil
	})
	return links, err
}

func (b *bpfDriver) close() error {
	return errors.Join(closePrograms(b.programs), b.Close())
}

func (b *bpfDriver) remove() error {
	err := eachProgram(b.hook, b.hook.drop)
	return errors.Join(err, b.close())
}
