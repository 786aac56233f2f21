package fence

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/cilium/ebpf"
)

// maxAddresses is how many addresses a machine can manage.
const maxAddresses = 1024

// leaseMap is the ledger that the eBPF programs read: address (IPv4 mapped into
// IPv6) to deadline, in nanoseconds of CLOCK_BOOTTIME and host byte order.
type leaseMap struct{ *ebpf.Map }

func leaseMapSpec(name string) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: maxAddresses}
}

// leaseMapName names the map after the network namespace to which its fence
// belongs: an interface that is moved between namespaces takes its programs along,
// and their map must not be mistaken for ours.
func leaseMapName() (string, error) {
	at, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return "", fmt.Errorf("identify the network namespace: %w", err)
	}
	return fmt.Sprintf("fence_%08x", at.Sys().(*syscall.Stat_t).Ino), nil
}

// leaseMapsOf opens the maps of that name which a program uses: one, or none if
// the program serves another namespace.
func leaseMapsOf(id ebpf.ProgramID, name string) ([]leaseMap, error) {
	prog, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return nil, fmt.Errorf("open program %d: %w", id, err)
	}
	defer prog.Close()
	about, err := prog.Info()
	if err != nil {
		return nil, fmt.Errorf("inspect program %d: %w", id, err)
	}
	ids, _ := about.MapIDs()
	var maps []leaseMap
	for _, id := range ids {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return nil, fmt.Errorf("open map %d: %w", id, err)
		}
		switch about, err := m.Info(); {
		case err != nil:
			return nil, errors.Join(fmt.Errorf("inspect map %d: %w", id, err), m.Close())
		case about.Name != name:
			_ = m.Close()
		case leaseMapSpec(name).Compatible(m) != nil:
			_ = m.Close()
			return nil, fmt.Errorf("map %d (%s) has a layout that this version cannot read: remove the fence with the version that made it", id, name)
		default:
			maps = append(maps, leaseMap{m})
		}
	}
	return maps, nil
}

func (m leaseMap) manage(addr netip.Addr) error {
	err := m.Update(addr.As16(), uint64(0), ebpf.UpdateNoExist)
	switch {
	case errors.Is(err, ebpf.ErrKeyExist):
		return nil
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("the fence is full: it manages %d addresses", maxAddresses)
	}
	return err
}

func (m leaseMap) forget(addr netip.Addr) error {
	err := m.Delete(addr.As16())
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

func (m leaseMap) set(addr netip.Addr, deadline Boottime) error {
	err := m.Update(addr.As16(), uint64(deadline), ebpf.UpdateExist)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return ErrNotManaged
	}
	return err
}

func (m leaseMap) deadline(addr netip.Addr) (Boottime, error) {
	var deadline uint64
	err := m.Lookup(addr.As16(), &deadline)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return 0, ErrNotManaged
	}
	return Boottime(deadline), err
}

func (m leaseMap) deadlines() (map[netip.Addr]Boottime, error) {
	all := make(map[netip.Addr]Boottime)
	var addr [16]byte
	var deadline uint64
	entries := m.Iterate()
	for entries.Next(&addr, &deadline) {
		all[netip.AddrFrom16(addr).Unmap()] = Boottime(deadline)
	}
	return all, entries.Err()
}
