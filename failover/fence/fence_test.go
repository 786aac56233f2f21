//go:build linux

package fence

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

func eachDriver(t *testing.T, test func(t *testing.T, driver string)) {
	for _, k := range kinds() {
		t.Run(k.option, func(t *testing.T) { test(t, k.option) })
	}
}

// TestClosedAndOpen holds each driver to the contract: a closed address does
// nothing that the network can notice, an open one everything.
func TestClosedAndOpen(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		for _, vip := range vips {
			t.Run(vip.String(), func(t *testing.T) {
				l := newLab(t)
				f := l.newFence(t, driver)
				l.hold(t, f, vip)
				l.does(t, "managed", vip, nil)
				ok(t, f.Open(vip, Now().Add(time.Hour)))
				l.does(t, "opened", vip, everything(vip))
				ok(t, f.Manage(vip))
				l.does(t, "managed again", vip, everything(vip))
				ok(t, f.Shut(vip))
				l.does(t, "shut", vip, nil)
				ok(t, f.Open(vip, Now()))
				l.does(t, "opened too late", vip, nil)
				ok(t, f.Open(vip, -1))
				l.does(t, "opened until before the machine started", vip, nil)
				ok(t, f.Open(vip, Now().Add(time.Hour)))
				ok(t, f.Open(vip, Now().Add(-time.Hour)))
				l.does(t, "deadline moved into the past", vip, nil)
			})
		}
	})
}

// refuses fails unless the error has the sentence that helps.
func refuses(t testing.TB, sentence string, f func() error) {
	t.Helper()
	if err := f(); err == nil || !strings.Contains(err.Error(), sentence) {
		t.Errorf("got error %v, want one that says %q", err, sentence)
	}
}

func TestRefusals(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		index := func(name string) int { return must(netlink.LinkByName(name))(t).Attrs().Index }
		l.hold(t, f, vip4)
		for _, tt := range []struct {
			sentence string
			call     func() error
		}{
			{"loopback", func() error { return f.Attach(index("lo")) }},
			{"find interface 4711", func() error { return f.Attach(4711) }},
			{"only a unicast address", func() error { return f.Manage(netip.Addr{}) }},
			{"only a unicast address", func() error { return f.Manage(none6) }},
			{"only a unicast address", func() error { return f.Manage(all6) }},
			{"only a unicast address", func() error { return f.Manage(netip.MustParseAddr("127.0.0.1")) }},
			{"without its zone", func() error { return f.Manage(netip.MustParseAddr("fe80::1%net0")) }},
			{"not managed", func() error { return f.Open(other4, Now().Add(time.Hour)) }},
			{"not managed", func() error { return f.Shut(other6) }},
			{"not managed", func() error { _, err := f.Deadline(other6); return err }},
			{"still has it", func() error { return f.Forget(vip4) }},
			{"still manages [10.77.0.100]", f.Remove},
			{`driver "xdp" is unknown: use auto, tcx or clsact or nftables`, func() error {
				_, err := New(Options{Driver: "xdp"})
				return err
			}},
		} {
			refuses(t, tt.sentence, tt.call)
		}
		if err := f.Open(other4, Now()); !errors.Is(err, ErrNotManaged) {
			t.Errorf("opening what is not managed gives %v, want ErrNotManaged", err)
		}
		l.does(t, "after all that", vip4, nil)
		l.does(t, "after all that", machine4, everything(machine4))
	})
}

func TestMappedAddressIsTheSame(t *testing.T) {
	l := newLab(t)
	f := l.newFence(t, "auto")
	ok(t, f.Manage(netip.MustParseAddr("::ffff:10.77.0.100")))
	if got := must(f.Managed())(t); !slices.Equal(got, []netip.Addr{vip4}) {
		t.Errorf("managed %v, want %v", got, vip4)
	}
	ok(t, f.Open(netip.MustParseAddr("::ffff:10.77.0.100"), 42))
	keeps(t, f, vip4, 42)
}

// TestRemoveLeavesNothing: an orderly end, after which the next fence begins empty.
func TestRemoveLeavesNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		for _, vip := range vips {
			l.hold(t, f, vip)
			ok(t, f.Open(vip, Now().Add(time.Hour)))
			l.delAddress(t, vip)
			ok(t, f.Forget(vip))
			ok(t, f.Forget(vip))
		}
		if managed := must(f.Managed())(t); len(managed) != 0 {
			t.Errorf("still managed: %v", managed)
		}
		ok(t, f.Remove())
		for _, k := range kinds() {
			if there, err := k.left(); there || err != nil {
				t.Errorf("a fence of kind %s is still there (%v)", k.name, err)
			}
		}
		for _, q := range must(netlink.QdiscList(l.link))(t) {
			if q.Type() == "clsact" {
				t.Error("the clsact qdisc is still there")
			}
		}
	})
}

// TestAttachRepairs: whatever takes the fence off an interface, the next Attach
// brings it back.
func TestAttachRepairs(t *testing.T) {
	damage := map[string]func(t *testing.T, l *lab){
		"tcx": func(t *testing.T, l *lab) {
			on := must(linkByIndex(l.link.Attrs().Index))(t)
			for _, d := range []direction{ingress, egress} {
				ok(t, tcx{}.drop(on, d, must(tcx{}.find(on, d))(t)[0]))
			}
		},
		"clsact": func(t *testing.T, l *lab) {
			for _, q := range must(netlink.QdiscList(l.link))(t) {
				if q.Type() == "clsact" {
					ok(t, netlink.QdiscDel(q))
				}
			}
		},
		"nftables": func(t *testing.T, _ *lab) {
			conn := must(nftables.New())(t)
			conn.FlushRuleset()
			ok(t, conn.Flush())
		},
	}
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		l.hold(t, f, vip4)
		l.does(t, "fenced", vip4, nil)
		damage[driver](t, l)
		l.does(t, "damaged", vip4, everything(vip4))
		ok(t, f.Attach(l.link.Attrs().Index))
		ok(t, f.Manage(vip4)) // nftables lost that too
		l.does(t, "repaired", vip4, nil)
	})
}

// TestInterfaceReturns: an interface that comes back, with another index, is
// fenced again by Attach.
func TestInterfaceReturns(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		l.hold(t, f, vip4)
		before := l.link.Attrs().Index
		ok(t, netlink.LinkDel(l.link))
		l.plug(t, "net0")
		if l.link.Attrs().Index == before {
			t.Fatal("the interface came back with the same index")
		}
		ok(t, f.Attach(l.link.Attrs().Index))
		l.addAddress(t, vip4, 32)
		l.does(t, "back", vip4, nil)
		ok(t, f.Open(vip4, Now().Add(time.Hour)))
		l.does(t, "back", vip4, everything(vip4))
	})
}

// TestFullLedger: there is an end, and it is said.
func TestFullLedger(t *testing.T) {
	l := newLab(t)
	f := l.newFence(t, "tcx")
	a := netip.MustParseAddr("10.99.0.0")
	for range maxAddresses {
		a = a.Next()
		ok(t, f.Manage(a))
	}
	refuses(t, "the fence is full: it manages 1024 addresses", func() error { return f.Manage(vip4) })
	ok(t, f.Manage(a))
	ok(t, f.Forget(a))
	ok(t, f.Manage(vip4))
}

// TestQdiscTaken: where others have taken the place that clsact needs, the error
// says so and nothing of theirs is touched.
func TestQdiscTaken(t *testing.T) {
	l := newLab(t)
	ok(t, netlink.QdiscAdd(&netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS,
	}}))
	f := must(New(Options{Driver: "clsact"}))(t)
	defer f.Close()
	refuses(t, `a qdisc "ingress" is in the place of clsact`, func() error { return f.Attach(l.link.Attrs().Index) })
	found := false
	for _, q := range must(netlink.QdiscList(l.link))(t) {
		found = found || q.Type() == "ingress"
	}
	if !found {
		t.Error("the ingress qdisc is gone")
	}

	l = newLab(t)
	on := must(linkByIndex(l.link.Attrs().Index))(t)
	ok(t, netlink.QdiscAdd(clsactQdisc(on)))
	other := clsact{}.filter(on, egress, passingProgram(t, "somebody_else", 0).FD())
	other.Protocol = etherIPv4
	ok(t, netlink.FilterAdd(other))
	refuses(t, "is priority 1 taken by a filter of another kind or protocol?", func() error { return f.Attach(l.link.Attrs().Index) })
}

// TestConcurrentUse lets everything be called at once, as the race detector likes.
func TestConcurrentUse(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		var all []<-chan error
		for _, vip := range vips {
			ok(t, f.Manage(vip))
			for _, call := range []func() error{
				func() error { return f.Open(vip, Now().Add(time.Hour)) },
				func() error { return f.Shut(vip) },
				func() error { return f.Manage(vip) },
				func() error { return f.Attach(l.link.Attrs().Index) },
				func() error { _, err := f.Deadline(vip); return err },
				func() error { _, err := f.Managed(); return err },
			} {
				all = append(all, background(l.machine, func() error {
					for range 20 {
						if err := call(); err != nil {
							return err
						}
					}
					return nil
				}))
			}
		}
		for _, done := range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := must(f.Managed())(t); !slices.Equal(got, vips) {
			t.Errorf("managed %v, want %v", got, vips)
		}
	})
}
