package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestOptionsValidate(t *testing.T) {
	lan := DefaultNetwork()
	with := func(change func(*Network)) []Network {
		n := lan
		change(&n)
		return []Network{n}
	}
	many := slices.Repeat([]string{"n"}, maxMachines+1)
	tests := []struct {
		name string
		o    Options
		want string // "" is no error
	}{
		{"defaults", Options{Machines: []string{"n1"}}, ""},
		{"no machine", Options{}, "has 0 names"},
		{"too many", Options{Machines: many}, "has 101 names"},
		{"empty name", Options{Machines: []string{""}}, `machine name ""`},
		{"long name", Options{Machines: []string{strings.Repeat("x", 64)}}, "1 to 63 bytes"},
		{"twice", Options{Machines: []string{"n1", "n1"}}, `"n1" is named twice`},
		{"client's name", Options{Machines: []string{"client"}}, `"client" is named twice`},
		{"observer", Options{Machines: []string{"observer"}}, "taken by the lab"},
		{"network twice", Options{Machines: []string{"n1"}, Networks: []Network{lan, lan}}, `network "lan" is named twice`},
		{"network without name", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.Name = "" })}, "Network.Name"},
		{"no family", Options{Machines: []string{"n1"}, Networks: []Network{{Name: "x"}}}, "neither IPv4 nor IPv6"},
		{"small IPv4", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.IPv4 = netip.MustParsePrefix("10.0.0.0/25") })}, "at most 24 bits"},
		{"IPv6 as IPv4", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.IPv4 = n.IPv6 })}, "IPv4 prefix fd77::/64"},
		{"small IPv6", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.IPv6 = netip.MustParsePrefix("fd77::/120") })}, "at most 112 bits"},
		{"IPv4 as IPv6", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.IPv6 = n.IPv4 })}, "IPv6 prefix 10.77.0.0/24"},
		{"stranger", Options{Machines: []string{"n1"}, Networks: with(func(n *Network) { n.Machines = []string{"n9"} })}, `no machine "n9"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.Validate()
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestNetworkHosts(t *testing.T) {
	n := Network{Name: "x", IPv4: netip.MustParsePrefix("10.1.2.3/16"), IPv6: netip.MustParsePrefix("fd00:1::5/64")}
	for _, tt := range []struct {
		host   int
		v4, v6 string
	}{
		{11, "10.1.0.11/16", "fd00:1::11/64"},
		{12, "10.1.0.12/16", "fd00:1::12/64"},
		{200, "10.1.0.200/16", "fd00:1::200/64"},
	} {
		if got := n.host4(tt.host).String(); got != tt.v4 {
			t.Errorf("host4(%d) = %s, want %s", tt.host, got, tt.v4)
		}
		if got := n.host6(tt.host).String(); got != tt.v6 {
			t.Errorf("host6(%d) = %s, want %s", tt.host, got, tt.v6)
		}
	}
	if bare := (Network{}); bare.host4(11).IsValid() || bare.host6(11).IsValid() {
		t.Error("a network without prefixes has addresses")
	}
}
