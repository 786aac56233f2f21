package dnsapi

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// asks adds metadata to the instance.
func asks(r *cluster.Register, key, value string) *cluster.Register {
	r.Service.Meta = map[string]string{key: value}
	return r
}

func TestBindings(t *testing.T) {
	w := newWorld(t,
		asks(runs(at("n1", "10.0.0.1"), "web", 8443), "dns-https", "alpn=h2,h3"),
		asks(on(runs(at("n2", "10.0.0.2"), "web", 443), "fd00::2"), "dns-https", "alpn=h2 port=9443 ipv6hint=fd00::9"),
		asks(runs(at("n3", "10.0.0.3"), "web", 443), "dns-https", "alpn=\"h2"),
		asks(runs(at("n4", "10.0.0.4"), "web", 443), "dns-https", "alpn=h2\n. 0 IN A 192.0.2.1"),
		runs(at("n5", "10.0.0.5"), "web", 443),
		in(asks(runs(at("n6", "10.0.0.6"), "web", 443), "dns-https", "alpn=h2"), cluster.Critical),
		asks(runs(at("n7", "10.0.0.7"), "web", 443), "dns-svcb", ""),
	)
	w.try(t,
		row{
			ask: "web.service.consul. HTTPS edns=1232", code: "NOERROR aa",
			answer: []string{
				`web.service.consul. 0 HTTPS 1 n1.node.dc1.consul. alpn="h2,h3" port="8443" ipv4hint="10.0.0.1"`,
				`web.service.consul. 0 HTTPS 1 fd000000000000000000000000000002.addr.dc1.consul. alpn="h2" port="9443" ipv6hint="fd00::9"`,
			},
			extra: []string{"n1.node.dc1.consul. 0 A 10.0.0.1", "fd000000000000000000000000000002.addr.dc1.consul. 0 AAAA fd00::2", "OPT 4096"},
		},
		row{
			ask: "web.service.consul. SVCB", code: "NOERROR aa", answer: []string{`web.service.consul. 0 SVCB 1 n7.node.dc1.consul. port="443" ipv4hint="10.0.0.7"`},
			extra: []string{"n7.node.dc1.consul. 0 A 10.0.0.7"},
		},
		row{ask: "nothing.service.consul. HTTPS", code: "NXDOMAIN aa", ns: negative},
	)
}

// FuzzBinding holds that no metadata makes a record that spoils the message.
func FuzzBinding(f *testing.F) {
	for _, p := range []string{"alpn=h2,h3", "mandatory=alpn", "port=x", "key65535=\"\\000\"", "ech=AAA=", strings.Repeat("a", 500)} {
		f.Add(p, 443)
	}
	f.Fuzz(func(t *testing.T, params string, port int) {
		r := &responder{cfg: (&Config{Domain: "consul."}).canonical(), owner: "web.service.consul.", qtype: dns.TypeHTTPS}
		rr := r.binding("n1.node.dc1.consul.", params, hostOf("10.0.0.1"), port, 1)
		if rr == nil {
			return
		}
		m := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeHTTPS)
		m.Answer = []dns.RR{rr}
		wire, err := m.Pack()
		if err != nil {
			t.Fatalf("%q: %v", params, err)
		}
		if err := new(dns.Msg).Unpack(wire); err != nil {
			t.Fatalf("%q: %v", params, err)
		}
	})
}
