package dnsapi

import (
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestNode(t *testing.T) {
	w := newWorld(t,
		with(at("N1", "10.0.0.1"), map[string]string{"role": "db", "rfc1035-note": `c:\x; "y"`, "a=b` ": "v"}),
		at("n2.rack.one", "fd00::2"),
		at("my node", "10.0.0.3"),
		with(at("ext", "db.example.com"), map[string]string{"site": "far"}),
		with(at("long", "10.0.0.4"), map[string]string{"rfc1035-": strings.Repeat("x", 300)}),
	)
	w.try(t,
		row{ask: "n1.node.consul. A", code: "NOERROR aa", answer: []string{"n1.node.consul. 0 A 10.0.0.1"}},
		row{ask: "n1.node.dc1.consul. A", code: "NOERROR aa", answer: []string{"n1.node.dc1.consul. 0 A 10.0.0.1"}},
		row{ask: "n2.RACK.one.node.consul. AAAA", code: "NOERROR aa", answer: []string{"n2.RACK.one.node.consul. 0 AAAA fd00::2"}},
		row{ask: "n2.rack.one.node.dc1.dc.consul. AAAA", code: "NOERROR aa", answer: []string{"n2.rack.one.node.dc1.dc.consul. 0 AAAA fd00::2"}},
		row{ask: `my\032node.node.consul. AAAA`, code: "NOERROR aa", ns: negative},
		row{ask: "ext.node.consul. A", code: "NOERROR aa", answer: []string{"ext.node.consul. 0 CNAME db.example.com."}},
		row{ask: "ext.node.consul. TXT", code: "NOERROR aa", answer: []string{`ext.node.consul. 0 TXT "site=far"`}},
		row{ask: "n1.node.consul. AAAA", code: "NOERROR aa", ns: negative},
		row{ask: "n1.node.consul. SRV", code: "NOERROR aa", ns: negative},
		row{ask: "n9.node.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "n1.node.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
		// Metadata, as RFC 1464 writes it.
		row{ask: "n1.node.consul. TXT", code: "NOERROR aa", answer: []string{
			`n1.node.consul. 0 TXT "role=db"`, `n1.node.consul. 0 TXT "c:\\x; \"y\""`, "n1.node.consul. 0 TXT \"a`=b``` =v\"",
		}},
		row{ask: "n1.node.consul. ANY edns=4096", code: "NOERROR aa", answer: []string{
			"n1.node.consul. 0 A 10.0.0.1", `n1.node.consul. 0 TXT "role=db"`, `n1.node.consul. 0 TXT "c:\\x; \"y\""`, "n1.node.consul. 0 TXT \"a`=b``` =v\"",
		}, extra: []string{"OPT 4096"}},
		row{ask: "long.node.consul. TXT", code: "NOERROR aa", answer: []string{
			`long.node.consul. 0 TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`,
		}},
	)
}

func TestAddr(t *testing.T) {
	newWorld(t).try(t,
		row{ask: "0a090909.addr.consul. A", code: "NOERROR aa", answer: []string{"0a090909.addr.consul. 0 A 10.9.9.9"}},
		row{ask: "0A090909.addr.dc1.consul. ANY", code: "NOERROR aa", answer: []string{"0A090909.addr.dc1.consul. 0 A 10.9.9.9"}},
		row{ask: "fd000000000000000000000000000009.addr.dc1.consul. AAAA", code: "NOERROR aa", answer: []string{
			"fd000000000000000000000000000009.addr.dc1.consul. 0 AAAA fd00::9",
		}},
		row{ask: "0a090909.addr.consul. AAAA", code: "NOERROR aa", ns: negative},
		row{ask: "0a090909.addr.consul. SRV", code: "NOERROR aa", ns: negative},
		row{ask: "0a0909.addr.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "0a09090g.addr.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "x.0a090909.addr.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "0a090909.addr.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
	)
}

func TestReverse(t *testing.T) {
	w := newWorld(t,
		at("n1", "10.0.0.1"), at("n1-too", "10.0.0.1"), at("n6", "fd00::6"),
		on(runs(at("n1", "10.0.0.1"), "web", 80), "10.0.0.9"), on(runs(at("n6", "fd00::6"), "web", 80), "10.0.0.9"),
		on(runs(at("n1", "10.0.0.1"), "web", 81), "fd00::9"),
	)
	const zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa."
	w.try(t,
		row{ask: "1.0.0.10.in-addr.arpa. PTR", code: "NOERROR aa", answer: []string{
			"1.0.0.10.in-addr.arpa. 0 PTR n1-too.node.dc1.consul.", "1.0.0.10.in-addr.arpa. 0 PTR n1.node.dc1.consul.",
		}},
		row{ask: "9.0.0.10.IN-ADDR.arpa. ANY", code: "NOERROR aa", answer: []string{"9.0.0.10.IN-ADDR.arpa. 0 PTR web.service.dc1.consul."}},
		row{ask: "6.0." + zeros + " PTR", code: "NOERROR aa", answer: []string{"6.0." + zeros + " 0 PTR n6.node.dc1.consul."}},
		row{ask: "9.0." + zeros + " PTR", code: "NOERROR aa", answer: []string{"9.0." + zeros + " 0 PTR web.service.dc1.consul."}},
		row{ask: "1.0.0.10.in-addr.arpa. A", code: "NOERROR aa", ns: negative},
		row{ask: "2.0.0.10.in-addr.arpa. PTR", code: "NXDOMAIN aa", ns: negative},
		row{ask: "7.0." + zeros + " PTR", code: "NXDOMAIN aa", ns: negative},
		// What a resolver that asks label by label comes by, and what is no address.
		row{ask: "0.10.in-addr.arpa. A", code: "NOERROR aa", ns: negative},
		row{ask: "in-addr.arpa. NS", code: "NOERROR aa", ns: negative},
		row{ask: "d.f.ip6.arpa. A", code: "NOERROR aa", ns: negative},
		row{ask: "01.0.0.10.in-addr.arpa. PTR", code: "NXDOMAIN aa", ns: negative},
		row{ask: "256.0.0.10.in-addr.arpa. PTR", code: "NXDOMAIN aa", ns: negative},
		row{ask: "0.1.0.0.10.in-addr.arpa. PTR", code: "NXDOMAIN aa", ns: negative},
		row{ask: "x.ip6.arpa. PTR", code: "NXDOMAIN aa", ns: negative},
		row{ask: "arpa. PTR", code: "REFUSED"},
	)
}

func TestApex(t *testing.T) {
	w := newWorld(t,
		runs(at("s1", "10.0.0.1"), "consul", 8300), runs(at("s2", "fd00::2"), "consul", 8300),
		in(runs(at("s3", "10.0.0.3"), "consul", 8300), cluster.Critical), runs(at("s4", "server.example.com"), "consul", 8300),
	)
	soa := []string{"consul. 0 SOA ns.consul. hostmaster.consul. 3600 600 86400 0"}
	ns := []string{"consul. 0 NS s1.node.dc1.consul.", "consul. 0 NS s2.node.dc1.consul."}
	glue := []string{"s1.node.dc1.consul. 0 A 10.0.0.1", "s2.node.dc1.consul. 0 AAAA fd00::2"}
	w.try(t,
		row{ask: "consul. SOA", code: "NOERROR aa", answer: soa, ns: ns, extra: glue},
		row{ask: "consul. NS", code: "NOERROR aa", answer: ns, extra: glue},
		row{ask: "consul. ANY", code: "NOERROR aa", answer: append(soa, ns...), extra: glue},
		row{ask: "consul. A", code: "NOERROR aa", ns: negative},
		// Names that exist because there are names below them.
		row{ask: "service.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "node.dc1.consul. NS", code: "NOERROR aa", ns: negative},
		row{ask: "dc1.consul. SOA", code: "NOERROR aa", ns: negative},
		row{ask: "dc1.dc.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
	)
	newWorld(t).try(t,
		row{ask: "consul. NS", code: "NOERROR aa", ns: negative},
		row{ask: "consul. SOA", code: "NOERROR aa", answer: soa},
	)
}

func TestDomains(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	w.Domain, w.AltDomain, w.Datacenter = "Consul", "lan.consul.", "DC1"
	alt := []string{"lan.consul. 0 SOA ns.lan.consul. hostmaster.lan.consul. 3600 600 86400 0"}
	w.try(t,
		row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1"}},
		row{ask: "web.service.LAN.consul. A", code: "NOERROR aa", answer: []string{"web.service.LAN.consul. 0 A 10.0.0.1"}},
		row{
			ask: "web.service.dc1.lan.consul. SRV", code: "NOERROR aa", answer: []string{"web.service.dc1.lan.consul. 0 SRV 1 1 80 n1.node.dc1.lan.consul."},
			extra: []string{"n1.node.dc1.lan.consul. 0 A 10.0.0.1"},
		},
		row{ask: "none.service.lan.consul. A", code: "NXDOMAIN aa", ns: alt},
		row{ask: "none.service.consul. A", code: "NXDOMAIN aa", ns: negative},
		// Outside.
		row{ask: "www.example.com. A rd", code: "REFUSED rd"},
		row{ask: "notconsul. A", code: "REFUSED"},
		row{ask: `web.service\.consul. A`, code: "REFUSED"},
		row{ask: "consul.example.com. SOA", code: "REFUSED"},
		row{ask: ". NS", code: "REFUSED"},
		row{ask: ". ANY edns=4096", code: "REFUSED", extra: []string{"OPT 4096"}},
	)
}

// TestNodeMetaTXT holds which answers bring the metadata of nodes along that nobody asked for, and that it takes the room of nothing else.
func TestNodeMetaTXT(t *testing.T) {
	w := newWorld(t, with(runs(at("n1", "10.0.0.1"), "web", 80), map[string]string{"role": "db"}), on(with(runs(at("n2", "10.0.0.2"), "web", 80), map[string]string{"role": "no"}), "10.0.0.22"))
	a, srv := []string{"n1.node.consul. 0 A 10.0.0.1"}, []string{"web.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul.", "web.service.consul. 0 SRV 1 1 80 0a000016.addr.dc1.consul."}
	glue := []string{"n1.node.dc1.consul. 0 A 10.0.0.1", "0a000016.addr.dc1.consul. 0 A 10.0.0.22"}
	w.try(t, row{ask: "n1.node.consul. A", code: "NOERROR aa", answer: a}, row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: srv, extra: glue})
	w.NodeMetaTXT = true
	w.try(t,
		row{ask: "n1.node.consul. A", code: "NOERROR aa", answer: a, extra: []string{`n1.node.consul. 0 TXT "role=db"`}},
		row{ask: "n1.node.consul. AAAA", code: "NOERROR aa", ns: negative},
		row{ask: "n1.node.consul. TXT", code: "NOERROR aa", answer: []string{`n1.node.consul. 0 TXT "role=db"`}},
		row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1", "web.service.consul. 0 A 10.0.0.22"}},
		row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: srv, extra: append(glue, `n1.node.dc1.consul. 0 TXT "role=db"`)},
	)
	w.register(t, with(at("n1", "10.0.0.1"), map[string]string{"role": strings.Repeat("x", 200), "more": strings.Repeat("y", 200)}))
	w.try(t, // too much for a message of 512 bytes
		row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: srv, extra: glue},
	)
}
