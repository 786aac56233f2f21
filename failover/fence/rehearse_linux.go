package fence

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
)

// rehearse does once, on a map of its own and with no interface involved, all that
// a fence at the hook needs: making the map and the programs, finding them again as
// the next daemon will, and judging packets by the same clock as ours.
func rehearse(h hook) error {
	const name = "fence_rehearsal"
	lease, err := ebpf.NewMap(leaseMapSpec(name))
	if err != nil {
		return refusal("creating an eBPF map", err)
	}
	defer lease.Close()
	programs, err := loadPrograms(leaseMap{lease})
	if err != nil {
		return refusal("loading an eBPF program", err)
	}
	defer func() { _ = closePrograms(programs) }()
	if err := recognize(programs[place{egress, true}], name); err != nil {
		return refusal("finding an eBPF program again, as a restarted agent must,", err)
	}
	if err := h.check(); err != nil {
		return refusal("asking for attached eBPF programs", err)
	}
	return compareClocks(leaseMap{lease}, programs[place{egress, true}])
}

// recognize finds a program and its map by number and name.
func recognize(prog *ebpf.Program, mapName string) error {
	about, err := prog.Info()
	if err != nil {
		return err
	}
	id, _ := about.ID()
	named, err := isFenceProgram(id, egress)
	if err != nil {
		return err
	}
	maps, err := leaseMapsOf(id, mapName)
	if err != nil {
		return err
	}
	for _, m := range maps {
		_ = m.Close()
	}
	if !named || len(maps) != 1 {
		return errors.New("the kernel did not keep its name or that of its map")
	}
	return nil
}

// compareClocks runs the program on a packet from an address whose deadline is
// this very instant, which must be dropped, and on one whose deadline is a moment
// ahead, which must pass. In a time namespace the kernel's clock is not ours, and a
// deadline would mean something else to either.
func compareClocks(lease leaseMap, prog *ebpf.Program) error {
	addr := netip.AddrFrom4([4]byte{192, 0, 2, 1}) // TEST-NET-1
	if err := lease.manage(addr); err != nil {
		return fmt.Errorf("write the eBPF map: %w", err)
	}
	packet := make([]byte, 64)
	packet[12], packet[13] = etherIPv4>>8, etherIPv4&0xff
	packet[14] = 0x45
	copy(packet[14+12:], addr.AsSlice())
	dropped := func(ahead time.Duration) (bool, error) {
		if err := lease.set(addr, Now().Add(ahead)); err != nil {
			return false, fmt.Errorf("write the eBPF map: %w", err)
		}
		verdict, _, err := prog.Test(packet)
		if err != nil {
			return false, refusal("running an eBPF program on a test packet", err)
		}
		return int32(verdict) == verdictDrop, nil
	}
	late, err := dropped(0)
	if err != nil {
		return err
	}
	const moment, tries = 20 * time.Millisecond, 10 // this process may be held up, but not every time
	early := true
	for i := 0; early && i < tries; i++ {
		if early, err = dropped(moment); err != nil {
			return err
		}
	}
	if !late || early {
		return errors.New("the kernel's clock and this process's differ: run the agent in the machine's own time namespace")
	}
	return nil
}
