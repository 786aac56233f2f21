package vip

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestOpenNamesMissingCapability takes capabilities from one thread.
func TestOpenNamesMissingCapability(t *testing.T) {
	m := namespace(t)
	for name, capability := range map[string]uint{"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW} {
		t.Run(name, func(t *testing.T) {
			h := New()
			err := m.try(func() error {
				check(t, drop(capability))
				return h.Open()
			})
			want := "virtual addresses need " + name + ", which this process lacks: run it as root, "
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			check(t, h.Close())
		})
	}
}

// drop takes a capability from the calling thread.
func drop(capability uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[capability/32].Effective &^= 1 << (capability % 32)
	return unix.Capset(&header, &sets[0])
}

func TestCloseLeavesAddresses(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	check(t, h.Put(m.eth0, vip4, 30*time.Second))
	check(t, h.Close())
	if m.carries(single(vip4.Prefix.Addr())) == nil {
		t.Error("the address is gone: a restart must not take it away")
	}
}

// TestInUserNamespace runs this package's central tests without privilege.
func TestInUserNamespace(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		t.Skip("is in one already")
	}
	out, err := userNamespace("-test.run=^(TestPutAnswersNeighbours|TestAnnounceMovesNeighbour|TestProbeFindsOwner|TestConflictsHearsForeignClaim|TestSetMakesItSo|TestWatchSeesForeignRemoval)$", "-test.v").CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("needs a system that allows user namespaces: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestPutAnswersNeighbours") || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("in a user namespace: %v\n%s", err, out)
	}
}

func TestWarnings(t *testing.T) {
	ms := segment(t, 1)
	m := ms[0]
	h := m.host()
	check(t, m.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{
		Name: "eth1", ParentIndex: m.eth0.Index,
	}, Mode: netlink.MACVLAN_MODE_BRIDGE}))
	check(t, m.LinkSetUp(m.device("eth1")))
	m.awaitUp("eth1")
	warnings := func() []string {
		t.Helper()
		var list []string
		m.do(func() (err error) {
			list, err = h.Warnings(m.eth0, vip4)
			return err
		})
		return list
	}
	expect := func(want ...string) {
		t.Helper()
		got := warnings()
		if len(got) != len(want) {
			t.Fatalf("warnings are %q, want %d", got, len(want))
		}
		for n := range want {
			if !strings.Contains(got[n], want[n]) {
				t.Errorf("warning %q, want one with %q", got[n], want[n])
			}
		}
	}
	expect()
	own := ipNet(vip4.Prefix)
	own.IP = []byte{10, 77, 0, 9}
	check(t, m.AddrAdd(m.device("eth1"), &netlink.Addr{IPNet: own}))
	expect("set net.ipv4.conf.eth1.arp_ignore=1")
	m.do(func() error { return writeSysctl("ipv4/conf/eth1/arp_ignore", "1") })
	expect()
	for mode, why := range map[string]string{"2": "without its network", "3": "scope host", "8": "nor for any other"} {
		m.do(func() error { return writeSysctl("ipv4/conf/eth0/arp_ignore", mode) })
		expect(why)
		if got := warnings()[0]; !strings.Contains(got, "net.ipv4.conf.eth0.arp_ignore is "+mode) {
			t.Errorf("warning %q does not name the setting", got)
		}
	}
	m.do(func() error { return writeSysctl("ipv4/conf/all/arp_ignore", "1") })
	m.do(func() error { return writeSysctl("ipv4/conf/eth0/arp_ignore", "0") })
	expect()
	kept := vip4
	kept.KeepPrefix = true
	if got := ignored(m.eth0, kept, "2"); got != nil {
		t.Errorf("warnings %q for an address with its network", got)
	}
}
