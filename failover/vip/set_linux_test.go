package vip

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// assigned is what a machine should carry for 30 seconds.
func assigned(list ...Address) []Assigned {
	var want []Assigned
	for _, a := range list {
		want = append(want, Assigned{a, 30 * time.Second})
	}
	return want
}

// prefixes lists placed addresses, sorted.
func prefixes(list []Placed) string {
	var names []string
	for _, p := range list {
		names = append(names, p.Prefix.String()+" on "+p.Interface.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func TestSetMakesItSo(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	other4 := Address{Prefix: netip.MustParsePrefix("10.77.0.101/24"), Interface: "eth0"}
	set := func(want []Assigned, added, renewed, removed string) {
		t.Helper()
		got, err := h.Set(want)
		check(t, err)
		for what, pair := range map[string][2]string{
			"added":   {prefixes(got.Added), added},
			"renewed": {prefixes(got.Renewed), renewed},
			"removed": {prefixes(got.Removed), removed},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s %q, want %q", what, pair[0], pair[1])
			}
		}
	}
	set(assigned(vip4, vip6), "10.77.0.100/32 on eth0, fd77::100/128 on eth0", "", "")
	set(assigned(vip4, vip6), "", "", "") // what is right is left alone
	m.remove("eth0", single(vip6.Prefix.Addr()))
	set(assigned(vip4, vip6), "fd77::100/128 on eth0", "", "")
	set(assigned(vip4, other4), "10.77.0.101/32 on eth0", "", "fd77::100/128 on eth0")
	check(t, h.Put(m.eth0, vip4, 10*time.Second)) // has lived for more than half of 30 s
	check(t, h.Put(m.eth0, other4, 90*time.Second))
	set(assigned(vip4, other4), "", "10.77.0.100/32 on eth0, 10.77.0.101/32 on eth0", "")
	set(nil, "", "", "10.77.0.100/32 on eth0, 10.77.0.101/32 on eth0")
	for _, p := range []netip.Prefix{netip.PrefixFrom(m.v4, 24), netip.PrefixFrom(m.v6, 64)} {
		if m.carries(p) == nil {
			t.Errorf("the machine's own %s is gone", p)
		}
	}
}

// TestSetKeepsAddressWhereItLies takes the machine's own address away, by
// which the interface was found.
func TestSetKeepsAddressWhereItLies(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	_, err := h.Set(assigned(vip4))
	check(t, err)
	m.remove("eth0", netip.PrefixFrom(m.v4, 24))
	got, err := h.Set(assigned(vip4))
	if err != nil || len(got.Added)+len(got.Renewed)+len(got.Removed) > 0 {
		t.Errorf("it did %+v, %v, want nothing", got, err)
	}
	m.remove("eth0", single(vip4.Prefix.Addr()))
	if _, err := h.Set(assigned(vip4)); err == nil || !strings.Contains(err.Error(), "no interface of this machine has an address in 10.77.0.0/24") {
		t.Errorf("error %v, want that no interface is in the network any more", err)
	}
}

func TestSetDoesWhatItCan(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	lost := Address{Prefix: netip.MustParsePrefix("192.0.2.100/24")}
	got, err := h.Set(append(assigned(lost, vip4), Assigned{vip6, 0}))
	if prefixes(got.Added) != "10.77.0.100/32 on eth0" {
		t.Errorf("added %q, want the one that can be", prefixes(got.Added))
	}
	for _, want := range []string{"192.0.2.0/24", "valid-for"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestOwnedAfterCrash leaves addresses as a dead daemon would, and as one on
// a kernel without IFA_PROTO.
func TestOwnedAfterCrash(t *testing.T) {
	m := segment(t, 1)[0]
	dead := m.host()
	check(t, dead.Put(m.eth0, vip4, 30*time.Second))
	check(t, dead.Put(m.eth0, vip6, 30*time.Second))
	check(t, dead.Close())
	bare := func(p string, label string) {
		t.Helper()
		prefix := netip.MustParsePrefix(p)
		a := &netlink.Addr{IPNet: ipNet(prefix), Label: label, Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE, ValidLft: 30}
		check(t, m.AddrAdd(m.device("eth0"), a))
	}
	bare("10.77.0.101/32", "eth0:hf") // known by its label
	bare("fd77::101/128", "")         // known if we are told of it
	bare("fd77::102/128", "")         // somebody else's

	h := m.host()
	known := netip.MustParseAddr("fd77::101")
	list, err := h.Owned(known, m.v4) // the machine's own does not become ours by being known
	check(t, err)
	const all = "10.77.0.100/32 on eth0, 10.77.0.101/32 on eth0, fd77::100/128 on eth0, fd77::101/128 on eth0"
	if got := prefixes(list); got != all {
		t.Errorf("owned are %q, want %q", got, all)
	}
	for _, p := range list {
		if p.Remaining < 20*time.Second || p.Remaining > 30*time.Second {
			t.Errorf("%s has %v left, want about 30 s", p.Prefix, p.Remaining)
		}
	}
	// One is still assigned and taken over, mark and all, the others go.
	taken := Address{Prefix: netip.MustParsePrefix("fd77::101/64")}
	got, err := h.Set(assigned(taken), known)
	check(t, err)
	if prefixes(got.Renewed) != "fd77::101/128 on eth0" || len(got.Removed) != 3 || len(got.Added) != 0 {
		t.Errorf("it did %+v, want one address taken over and three removed", got)
	}
	list, err = h.Owned()
	check(t, err)
	if got := prefixes(list); got != "fd77::101/128 on eth0" {
		t.Errorf("owned are now %q", got)
	}
	if m.carries(netip.MustParsePrefix("fd77::102/128")) == nil {
		t.Error("somebody else's address is gone")
	}
}
