package dnsapi

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	c := (Config{Domain: "consul", AltDomain: "a.b", Datacenter: "dc1"}).canonical()
	for q, want := range map[string]name{
		"consul.":                       {kind: apex, domain: "consul."},
		"a.b.":                          {kind: apex, domain: "a.b."},
		"b.":                            {kind: foreign},
		".":                             {kind: foreign},
		"xconsul.":                      {kind: foreign},
		`x\.consul.`:                    {kind: foreign},
		`x\\.consul.`:                   {kind: unknown, domain: "consul."},
		"web.service.consul.":           {kind: service, domain: "consul.", subject: "web"},
		"web.service.a.b.":              {kind: service, domain: "a.b.", subject: "web"},
		"t.u.web.service.consul.":       {kind: service, domain: "consul.", subject: "web", tag: "t.u"},
		"web.service.dc1.consul.":       {kind: service, domain: "consul.", subject: "web"},
		"web.service.dc1.dc.consul.":    {kind: service, domain: "consul.", subject: "web"},
		"_web._tcp.service.consul.":     {kind: service, domain: "consul.", subject: "web", srvForm: true},
		"_web._udp.service.consul.":     {kind: service, domain: "consul.", subject: "web", tag: "udp", srvForm: true},
		"_web._x.service.dc1.consul.":   {kind: service, domain: "consul.", subject: "web", tag: "x", srvForm: true},
		"_._.service.consul.":           {kind: service, domain: "consul.", subject: "_", tag: "_"},
		"x._web._tcp.service.consul.":   {kind: service, domain: "consul.", subject: "_tcp", tag: "x._web"},
		"service.service.consul.":       {kind: service, domain: "consul.", subject: "service"},
		"node.service.dc1.consul.":      {kind: service, domain: "consul.", subject: "node"},
		"a.b.c.node.consul.":            {kind: node, domain: "consul.", subject: "a.b.c"},
		`a\.b.node.consul.`:             {kind: node, domain: "consul.", subject: "a.b"},
		`na\195\175ve.node.consul.`:     {kind: node, domain: "consul.", subject: "naïve"},
		`my\ box\;.node.consul.`:        {kind: node, domain: "consul.", subject: "my box;"},
		"geo.query.consul.":             {kind: preparedQuery, domain: "consul.", subject: "geo"},
		"a.b.c.query.dc1.consul.":       {kind: preparedQuery, domain: "consul.", subject: "a.b.c"},
		"_geo._tcp.query.dc1.consul.":   {kind: preparedQuery, domain: "consul.", subject: "geo", srvForm: true},
		"geo.query.dc2.consul.":         {kind: unknown, domain: "consul."},
		"_tcp.query.consul.":            {kind: empty, domain: "consul."},
		"query.dc1.consul.":             {kind: empty, domain: "consul."},
		"service.consul.":               {kind: empty, domain: "consul."},
		"addr.dc1.dc.consul.":           {kind: empty, domain: "consul."},
		"0a000001.addr.consul.":         {kind: addr, domain: "consul.", addr: netip.MustParseAddr("10.0.0.1")},
		"1.0.0.10.in-addr.arpa.":        {kind: reverse, domain: "consul.", addr: netip.MustParseAddr("10.0.0.1")},
		"1.0.0.10.in-addr.arpa.consul.": {kind: unknown, domain: "consul."},
		"10.in-addr.arpa.":              {kind: empty, domain: "consul."},
		"-1.0.0.10.in-addr.arpa.":       {kind: unknown, domain: "consul."},
		"8.b.d.0.1.0.0.2.ip6.arpa.":     {kind: empty, domain: "consul."},
		strings.Repeat("f.", 32) + "ip6.arpa.": {
			kind: reverse, domain: "consul.", addr: netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		},
		strings.Repeat("f.", 33) + "ip6.arpa.": {kind: unknown, domain: "consul."},
		"ff.ip6.arpa.":                         {kind: unknown, domain: "consul."},
	} {
		if got := parseName(c, q); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", q, got, want)
		}
	}
}

func TestReverseRoundTrip(t *testing.T) {
	for _, s := range []string{"10.1.2.3", "255.0.255.0", "2001:db8::5:f00d", "fe80::1", "::"} {
		q, err := dns.ReverseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		if a, k := reverseAddr(q); k != reverse || a != netip.MustParseAddr(s) {
			t.Errorf("%s is %v, want %s", q, a, s)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"web.service.consul.", "_web._tcp.service.dc1.consul.", "a.b.node.dc1.dc.consul.", "0a000001.addr.consul.", "1.0.0.10.in-addr.arpa.",
		"8.b.d.0.1.0.0.2.ip6.arpa.", `a\.b\\\065.node.consul.`, ".", "", "..", "consul.", ".consul.", `\.consul.`, "dc.consul.",
	} {
		f.Add(s)
	}
	c := (Config{Domain: "consul", AltDomain: "alt.consul", Datacenter: "dc1"}).canonical()
	f.Fuzz(func(t *testing.T, q string) {
		n := parseName(c, q)
		if n.kind != foreign && n.domain == "" {
			t.Errorf("%q is %+v: ours, but in no domain", q, n)
		}
		if (n.kind == addr || n.kind == reverse) != n.addr.IsValid() {
			t.Errorf("%q is %+v: an address where there is none, or none where there is one", q, n)
		}
		if (n.kind == service || n.kind == node) && n.subject == "" && dnsName(q) {
			t.Errorf("%q is %+v: about nothing", q, n)
		}
	})
}

// dnsName reports whether package dns would present a name so.
func dnsName(q string) bool {
	b := make([]byte, 256)
	if _, err := dns.PackDomainName(q, b, 0, nil, false); err != nil {
		return false
	}
	again, _, err := dns.UnpackDomainName(b, 0)
	return err == nil && again == q
}
