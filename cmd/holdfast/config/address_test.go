package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSurfaces(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		http, dns  []string
	}{
		{"defaults", ``, []string{"127.0.0.1:8500"}, []string{"127.0.0.1:8600"}},
		{"several", `client_addr = "127.0.0.1 ::1" ports { http = 1 }`, []string{"127.0.0.1:1", "[::1]:1"}, []string{"127.0.0.1:8600", "[::1]:8600"}},
		{"own addresses", `client_addr = "10.0.0.1" addresses { http = "127.0.0.2 unix:///run/h.sock" }`, []string{"127.0.0.2:8500", "unix:///run/h.sock"}, []string{"10.0.0.1:8600"}},
		{"off", `ports { http = -1 dns = -1 }`, nil, nil},
		{"a unix socket needs no port", `addresses { http = "unix:///run/h.sock" } ports { http = -1 dns = 0 }`, []string{"unix:///run/h.sock"}, []string{"127.0.0.1:0"}},
		{"empty means client_addr", `addresses { http = "" }`, []string{"127.0.0.1:8500"}, []string{"127.0.0.1:8600"}},
		{"once", `client_addr = "127.0.0.1 127.0.0.1"`, []string{"127.0.0.1:8500"}, []string{"127.0.0.1:8600"}},
		{"template", `client_addr = "{{ GetAllInterfaces | include \"name\" \"^lo$\" | include \"type\" \"ipv4\" | attr \"address\" }} 127.0.0.2"`, []string{"127.0.0.1:8500", "127.0.0.2:8500"}, []string{"127.0.0.1:8600", "127.0.0.2:8600"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1" `+tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(c.HTTPAddrs, tt.http) || !slices.Equal(c.DNSAddrs, tt.dns) {
				t.Errorf("HTTP %q, DNS %q; want %q and %q", c.HTTPAddrs, c.DNSAddrs, tt.http, tt.dns)
			}
		})
	}
}

// TestSoleAddr holds that a machine knows its own address although it carries virtual ones.
func TestSoleAddr(t *testing.T) {
	bind := netip.IPv4Unspecified()
	for _, tt := range []struct {
		own  string
		want string // the address, or a part of the sentence
	}{
		{"10.0.0.1/24", "10.0.0.1"},
		{"10.0.0.1/32", "10.0.0.1"},
		{"10.0.0.100/32 10.0.0.1/24", "10.0.0.1"},
		{"10.0.0.100/32 10.0.0.101/32 10.0.0.1/24", "10.0.0.1"},
		{"", "no private address to advertise"},
		{"10.0.0.1/24 10.1.0.1/24", "several private addresses (10.0.0.1, 10.1.0.1): set advertise_addr"},
	} {
		var own []netip.Prefix
		for s := range strings.FieldsSeq(tt.own) {
			own = append(own, netip.MustParsePrefix(s))
		}
		got, err := soleAddr(bind, own)
		if err == nil && got.String() != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, %v; want %s", tt.own, got, err, tt.want)
		}
	}
	c, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1" group "g" { vip "10.0.0.100/24" {} }`))
	if err != nil {
		t.Fatal(err)
	}
	if !c.isVIP(netip.MustParseAddr("10.0.0.100")) || c.isVIP(netip.MustParseAddr("10.0.0.1")) {
		t.Error("the addresses of the groups are not known")
	}
}

func TestSockets(t *testing.T) {
	c, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1" unix_sockets { user = "root" group = "0" mode = "0770" }`))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Sockets{UID: 0, GID: 0, Mode: 0o770}); c.Sockets != want {
		t.Errorf("got %+v, want %+v", c.Sockets, want)
	}
	c, err = Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1"`))
	if err != nil || c.Sockets != (Sockets{UID: -1, GID: -1}) {
		t.Errorf("without unix_sockets: %+v, %v", c.Sockets, err)
	}
}
