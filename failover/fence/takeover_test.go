//go:build linux

package fence

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	ebpflink "github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// does fails unless the machine does what is wanted in the name of an address.
func (l *lab) does(t testing.TB, when string, addr netip.Addr, want []string) {
	t.Helper()
	if got := l.provoke(t, addr); !slices.Equal(got, want) {
		t.Errorf("%s: in the name of %s the machine\n does %q,\n want %q", when, addr, got, want)
	}
}

// keeps fails unless the fence manages an address until about a deadline: nftables
// knows it to a few timer beats only.
func keeps(t testing.TB, f *Fence, addr netip.Addr, want Boottime) {
	t.Helper()
	got, err := f.Deadline(addr)
	ok(t, err)
	slack := time.Duration(0)
	if f.Driver() == "nftables" && want != 0 {
		slack = time.Second
	}
	if diff := got.Sub(want).Abs(); diff > slack {
		t.Errorf("%s: deadline %v, want %v", addr, got, want)
	}
}

// TestTakeover: a second daemon finds the first one's addresses and deadlines, and
// nothing changes for the network before, while or after it takes over.
func TestTakeover(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		first := l.newFence(t, driver)
		l.hold(t, first, vip4)
		l.hold(t, first, vip6)
		deadline := Now().Add(time.Hour)
		ok(t, first.Open(vip4, deadline))
		ok(t, first.Close())
		l.does(t, "no daemon", vip4, everything(vip4))
		l.does(t, "no daemon", vip6, nil)

		second := must(New(Options{Driver: driver}))(t)
		if got := must(second.Managed())(t); !slices.Equal(got, vips) {
			t.Errorf("the second daemon finds %v, want %v", got, vips)
		}
		ok(t, second.Attach(l.link.Attrs().Index))
		for _, vip := range vips {
			ok(t, second.Manage(vip))
		}
		keeps(t, second, vip4, deadline)
		keeps(t, second, vip6, 0)
		l.does(t, "taken over", vip4, everything(vip4))
		l.does(t, "taken over", vip6, nil)
		ok(t, second.Shut(vip4))
		ok(t, second.Open(vip6, deadline))
		l.does(t, "second daemon", vip4, nil)
		l.does(t, "second daemon", vip6, everything(vip6))
		ok(t, second.Close())
	})
}

// TestTakeoverLeavesNoGap restarts daemons under a flood of packets: no packet of
// the open address is lost, and none of the closed one passes.
func TestTakeoverLeavesNoGap(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		l.hold(t, f, vip4)
		l.hold(t, f, vip6)
		ok(t, f.Open(vip4, Now().Add(time.Hour)))
		done := background(l.machine, func() error {
			for range 20 {
				f, err := New(Options{Driver: driver})
				if err != nil {
					return err
				}
				if err := f.Attach(l.link.Attrs().Index); err != nil {
					return err
				}
				if err := f.Close(); err != nil {
					return err
				}
			}
			return nil
		})
		pings := l.flood(t, vips, running(t, done))
		for i, p := range pings[vip4] {
			if p.answered == 0 {
				t.Errorf("ping %d of %d to the open address was lost", i, len(pings[vip4]))
			}
		}
		for i, p := range pings[vip6] {
			if p.answered != 0 {
				t.Errorf("ping %d of %d to the closed address was answered", i, len(pings[vip6]))
			}
		}
	})
}

// TestOtherProgramsReplaced: programs of another version, even two of them, give
// way to ours; programs of others stay.
func TestOtherProgramsReplaced(t *testing.T) {
	for name, h := range map[string]hook{"tcx": tcx{}, "clsact": clsact{}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			f := l.newFence(t, name)
			l.hold(t, f, vip4)
			ok(t, f.Close())
			on := must(linkByIndex(l.link.Attrs().Index))(t)
			for _, d := range []direction{ingress, egress} {
				old := passingProgram(t, d.programName(), must(h.find(on, d))(t)[0])
				ok(t, h.put(on, d, old, must(h.find(on, d))(t)[0]))
				if name == "tcx" { // which, unlike clsact, has room for two
					ok(t, h.put(on, d, passingProgram(t, d.programName(), 0), 0))
					ok(t, h.put(on, d, passingProgram(t, "somebody_else", 0), 0))
				}
			}
			l.does(t, "old version that lets all pass", vip4, everything(vip4))

			f = l.newFence(t, name)
			keeps(t, f, vip4, 0)
			l.does(t, "new version", vip4, nil)
			for _, d := range []direction{ingress, egress} {
				if found := must(h.find(on, d))(t); len(found) != 1 {
					t.Errorf("%s has fence programs %v, want one", d.programName(), found)
				}
				if all := must(ebpflink.QueryPrograms(ebpflink.QueryOptions{Target: on.index, Attach: tcx{}.at(d)}))(t); name == "tcx" && len(all.Programs) != 2 {
					t.Errorf("%s: %d programs in all, want ours and somebody else's", d.programName(), len(all.Programs))
				}
			}
		})
	}
}

// passingProgram lets everything pass to the next program. It holds the maps of
// another program, if one is given.
func passingProgram(t testing.TB, name string, mapsOf ebpf.ProgramID) *ebpf.Program {
	t.Helper()
	var ins asm.Instructions
	if mapsOf != 0 {
		maps := must(leaseMapsOf(mapsOf, must(leaseMapName())(t)))(t)
		t.Cleanup(func() { _ = maps[0].Close() })
		ins = append(ins, asm.LoadMapPtr(asm.R1, maps[0].FD()))
	}
	prog := must(ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: name, Type: ebpf.SchedCLS, License: "Apache-2.0",
		Instructions: append(ins, asm.Mov.Imm(asm.R0, verdictNext), asm.Return()),
	}))(t)
	t.Cleanup(func() { _ = prog.Close() })
	return prog
}

// TestOtherDriverTakenOver: a daemon with another driver moves the addresses,
// their deadlines and the interfaces, and leaves nothing of the old fence.
func TestOtherDriverTakenOver(t *testing.T) {
	for _, from := range kinds() {
		for _, to := range kinds() {
			if from.option == to.option {
				continue
			}
			t.Run(from.option+" to "+to.option, func(t *testing.T) {
				l := newLab(t)
				first := l.newFence(t, from.option)
				l.hold(t, first, vip4)
				l.hold(t, first, vip6)
				deadline := Now().Add(time.Hour)
				ok(t, first.Open(vip4, deadline))
				ok(t, first.Close())

				second := must(New(Options{Driver: to.option}))(t)
				defer second.Close()
				if there, err := from.left(); there || err != nil {
					t.Errorf("the old fence is still there (%v)", err)
				}
				got, err := second.Deadline(vip4)
				ok(t, err)
				if early := deadline.Sub(got); early < 0 || early > time.Second {
					t.Errorf("the deadline moved by %v", -early)
				}
				keeps(t, second, vip6, 0)
				l.does(t, "moved", vip4, everything(vip4))
				l.does(t, "moved", vip6, nil)
			})
		}
	}
}

// TestTwoLedgers: if daemons left a map each, all that either managed stays
// managed, no longer than both allow.
func TestTwoLedgers(t *testing.T) {
	l := newLab(t)
	f := l.newFence(t, "tcx")
	ok(t, f.Manage(vip4))
	ok(t, f.Open(vip4, Now().Add(time.Hour)))
	ok(t, f.Close())

	name := must(leaseMapName())(t)
	other := must(ebpf.NewMap(leaseMapSpec(name)))(t)
	defer other.Close()
	ledger := leaseMap{other}
	soon := Now().Add(time.Minute)
	for _, vip := range vips {
		ok(t, ledger.manage(vip))
		ok(t, ledger.set(vip, soon))
	}
	prog := must(ebpf.NewProgram(fenceProgram(ingress, true, other)))(t)
	defer prog.Close()
	on := must(linkByIndex(l.link.Attrs().Index))(t)
	ok(t, tcx{}.put(on, ingress, prog, 0))

	f = l.newFence(t, "tcx")
	keeps(t, f, vip4, soon)
	keeps(t, f, vip6, soon)
}

// TestUnreadableLedger: what a later version left in another shape is not guessed at.
func TestUnreadableLedger(t *testing.T) {
	l := newLab(t)
	spec := leaseMapSpec(must(leaseMapName())(t))
	spec.ValueSize = 16
	m := must(ebpf.NewMap(spec))(t)
	defer m.Close()
	prog := must(ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: ingress.programName(), Type: ebpf.SchedCLS, License: "Apache-2.0",
		Instructions: asm.Instructions{asm.LoadMapPtr(asm.R1, m.FD()), asm.Mov.Imm(asm.R0, verdictNext), asm.Return()},
	}))(t)
	defer prog.Close()
	on := must(linkByIndex(l.link.Attrs().Index))(t)
	ok(t, tcx{}.put(on, ingress, prog, 0))
	refuses(t, "layout that this version cannot read", func() error {
		_, err := New(Options{Driver: "tcx"})
		return err
	})
}

// TestNamespacesApart: fences of two network namespaces know nothing of each
// other, even when an interface moves from one to the other with its fence.
func TestNamespacesApart(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		one := newLab(t)
		f1 := one.newFence(t, driver)
		one.hold(t, f1, vip4)
		ok(t, f1.Open(vip4, Now().Add(time.Hour)))
		ok(t, f1.Manage(vip6))
		extra := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "extra0"}, PeerName: "extra1"}
		ok(t, netlink.LinkAdd(extra))
		ok(t, f1.Attach(must(netlink.LinkByName("extra0"))(t).Attrs().Index))

		two := newLab(t)
		one.in(t, one.machine, func() error { return netlink.LinkSetNsFd(extra, int(two.machine)) })
		f2 := two.newFence(t, driver)
		if managed := must(f2.Managed())(t); len(managed) != 0 {
			t.Errorf("the second namespace's fence manages %v of the first's", managed)
		}
		ok(t, f2.Attach(must(netlink.LinkByName("extra0"))(t).Attrs().Index))
		two.hold(t, f2, vip4)
		two.does(t, "closed in the second namespace", vip4, nil)
		ok(t, f2.Manage(vip6))
		ok(t, f2.Open(vip6, Now().Add(time.Hour)))
		one.in(t, one.machine, func() error {
			one.does(t, "open in the first namespace", vip4, everything(vip4))
			keeps(t, f1, vip6, 0)
			return nil
		})
	})
}
