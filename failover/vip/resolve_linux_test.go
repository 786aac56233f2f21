package vip

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// machineWith is a survey of lo, eth0 and eth1 with addresses of the
// machine's own, written as "eth0 10.77.0.1/24".
func machineWith(own ...string) survey {
	s := survey{links: []link{
		{Interface{Name: "lo", Index: 1}, unix.IFF_LOOPBACK},
		{Interface{Name: "eth0", Index: 2}, 0},
		{Interface{Name: "eth1", Index: 3}, 0},
	}}
	for _, line := range own {
		name, prefix, _ := strings.Cut(line, " ")
		e := entry{prefix: netip.MustParsePrefix(prefix), valid: forever}
		for _, l := range s.links {
			if l.Name == name {
				e.index = l.Index
			}
		}
		s.entries = append(s.entries, e)
	}
	return s
}

func TestResolve(t *testing.T) {
	cases := []struct {
		vip, named string
		own        []string
		want       string // the interface, or part of the error
	}{
		{"10.77.0.100/24", "", []string{"eth0 10.77.0.1/24", "eth1 10.78.0.1/24"}, "eth0"},
		{"10.77.0.100/24", "", []string{"eth0 10.77.0.1/24", "eth1 10.0.0.1/8"}, "eth0"},
		{"10.77.0.100/24", "eth1", []string{"eth0 10.77.0.1/24"}, "eth1"},
		{"10.77.0.100/32", "", []string{"eth0 10.77.0.1/24", "eth1 10.78.0.1/24"}, "eth0"},
		{"fd77::100/64", "", []string{"eth0 10.77.0.1/24", "eth1 fd77::1/64"}, "eth1"},
		{"10.77.0.100/24", "", []string{"lo 10.77.0.5/32", "eth1 10.77.0.1/24"}, "eth1"},
		{"10.77.0.100/24", "", []string{"eth0 10.78.0.1/24"}, "no interface of this machine has an address in 10.77.0.0/24: name one with interface = \"...\""},
		{"10.77.0.100/24", "", nil, "no interface of this machine has an address in 10.77.0.0/24"},
		{"10.77.0.100/24", "", []string{"eth0 10.77.0.1/24", "eth1 10.77.0.2/24"}, "several interfaces of this machine (eth0, eth1) have an address in 10.77.0.0/24: name one with interface = \"...\""},
		{"fe80::100/64", "", []string{"eth0 fe80::1/64", "eth1 fe80::2/64"}, "several interfaces"},
		{"10.77.0.100/24", "eth7", []string{"eth0 10.77.0.1/24"}, "no interface of this machine is called eth7 (vip 10.77.0.100/24): name one of eth0, eth1"},
		{"10.77.0.1/24", "", []string{"eth0 10.77.0.1/24"}, "vip 10.77.0.1/24 is an address of this machine itself (10.77.0.1/24 on eth0): remove it there"},
		{"10.77.0.1/24", "eth1", []string{"eth0 10.77.0.1/32"}, "is an address of this machine itself"},
		{"10.77.0.255/24", "", []string{"eth0 10.77.0.1/24"}, "broadcast address"},
	}
	for _, c := range cases {
		t.Run(c.vip+" "+strings.Join(c.own, " "), func(t *testing.T) {
			got, err := machineWith(c.own...).resolve(Address{Prefix: netip.MustParsePrefix(c.vip), Interface: c.named})
			switch {
			case err != nil && !strings.Contains(err.Error(), c.want):
				t.Errorf("error %q, want %q", err, c.want)
			case err == nil && got.Name != c.want:
				t.Errorf("interface %q, want %q", got, c.want)
			}
		})
	}
}

// TestResolveOverlooksManaged finds no interface by an address of ours, and
// takes no address of ours for the machine's own.
func TestResolveOverlooksManaged(t *testing.T) {
	s := machineWith("eth0 10.77.0.1/24")
	for _, e := range []entry{
		{index: 3, prefix: netip.MustParsePrefix("10.77.0.100/32"), proto: protocol, valid: 5},
		{index: 3, prefix: netip.MustParsePrefix("10.77.0.101/32"), label: "eth1:hf", valid: 5},
		{index: 3, prefix: netip.MustParsePrefix("10.77.0.102/32"), flags: leaseFlags, valid: 5},
	} {
		s.entries = append(s.entries, e)
		got, err := s.resolve(Address{Prefix: netip.PrefixFrom(e.prefix.Addr(), 24)})
		if err != nil || got.Name != "eth0" {
			t.Errorf("%s resolves to %q, %v, want eth0", e.prefix, got, err)
		}
	}
}

func TestResolveOnMachine(t *testing.T) {
	m := segment(t, 1)[0]
	h := m.host()
	both(t, func(t *testing.T, a Address) {
		got, err := h.Resolve(a)
		check(t, err)
		if got.Name != "eth0" || got.Index != m.eth0.Index || got.HardwareAddr.String() != m.eth0.HardwareAddr.String() {
			t.Errorf("%s resolves to %+v, want %+v", a, got, m.eth0)
		}
	})
}

func TestManaged(t *testing.T) {
	for _, c := range []struct {
		e    entry
		want bool
	}{
		{entry{}, false},
		{entry{proto: protocol}, true},
		{entry{label: "eth0:hf"}, true},
		{entry{label: "eth0"}, false},
		{entry{label: ":hf"}, false},
		{entry{label: "eth0:hf", proto: 2}, false}, // the protocol says more than the label
	} {
		if got := c.e.managed(); got != c.want {
			t.Errorf("%+v is managed: %v, want %v", c.e, got, c.want)
		}
	}
	if got := ourLabel("enp0s31f6"); got != "enp0s31f6:hf" {
		t.Errorf("label %q", got)
	}
	if got := ourLabel("a-name-of-15-ch"); got != "" {
		t.Errorf("label %q for a name that leaves no room", got)
	}
}
