package dnsapi

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

func TestService(t *testing.T) {
	w := newWorld(t,
		runs(at("n1", "10.0.0.1"), "web", 80, "Primary", "v1.2"),
		runs(at("n2", "10.0.0.2"), "web", 81, "v2"),
		runs(at("N3", "fd00::3"), "WEB", 82),
		runs(at("n1", "10.0.0.1"), "alone", 9),
	)
	w.try(t,
		row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1", "web.service.consul. 0 A 10.0.0.2"}},
		row{ask: "web.service.consul. AAAA", code: "NOERROR aa", answer: []string{"web.service.consul. 0 AAAA fd00::3"}},
		row{ask: "web.service.consul. ANY", code: "NOERROR aa", answer: []string{
			"web.service.consul. 0 A 10.0.0.1", "web.service.consul. 0 A 10.0.0.2", "web.service.consul. 0 AAAA fd00::3",
		}},
		row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: []string{
			"web.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul.",
			"web.service.consul. 0 SRV 1 1 81 n2.node.dc1.consul.",
			"web.service.consul. 0 SRV 1 1 82 N3.node.dc1.consul.",
		}, extra: []string{"n1.node.dc1.consul. 0 A 10.0.0.1", "n2.node.dc1.consul. 0 A 10.0.0.2", "N3.node.dc1.consul. 0 AAAA fd00::3"}},

		// Letter case means nothing and is echoed, in the question and in the owner.
		row{ask: "wEb.SerVice.ConSul. A rd", code: "NOERROR aa rd", answer: []string{"wEb.SerVice.ConSul. 0 A 10.0.0.1", "wEb.SerVice.ConSul. 0 A 10.0.0.2"}},

		// Tags.
		row{ask: "primary.web.service.consul. A", code: "NOERROR aa", answer: []string{"primary.web.service.consul. 0 A 10.0.0.1"}},
		row{ask: "V1.2.web.service.consul. A", code: "NOERROR aa", answer: []string{"V1.2.web.service.consul. 0 A 10.0.0.1"}},
		row{ask: "v2.web.service.dc1.consul. A", code: "NOERROR aa", answer: []string{"v2.web.service.dc1.consul. 0 A 10.0.0.2"}},
		row{ask: "v3.web.service.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "primary.v2.web.service.consul. A", code: "NXDOMAIN aa", ns: negative},

		// Datacenters.
		row{ask: "alone.service.dc1.consul. A", code: "NOERROR aa", answer: []string{"alone.service.dc1.consul. 0 A 10.0.0.1"}},
		row{ask: "alone.service.DC1.dc.consul. A", code: "NOERROR aa", answer: []string{"alone.service.DC1.dc.consul. 0 A 10.0.0.1"}},
		row{ask: "alone.service.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "alone.service.dc2.dc.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "service.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},

		// No such type, no such name.
		row{ask: "alone.service.consul. AAAA", code: "NOERROR aa", ns: negative},
		row{ask: "alone.service.consul. TXT", code: "NOERROR aa", ns: negative},
		row{ask: "alone.service.consul. SOA", code: "NOERROR aa", ns: negative},
		row{ask: "alone.service.consul. NS", code: "NOERROR aa", ns: negative},
		row{ask: "none.service.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "none.service.consul. SRV", code: "NXDOMAIN aa", ns: negative},
		row{ask: "web.query.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "web.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "a.b.c.d.e.consul. A", code: "NXDOMAIN aa", ns: negative},
	)
}

func TestRFC2782(t *testing.T) {
	w := newWorld(t,
		runs(at("n1", "10.0.0.1"), "web", 80, "http"),
		runs(at("n2", "10.0.0.2"), "web", 81, "other"),
		runs(at("n1", "10.0.0.1"), "dns", 53, "udp"),
		runs(at("n2", "10.0.0.2"), "dns", 53, "tcp"),
	)
	glue := []string{"n1.node.dc1.consul. 0 A 10.0.0.1", "n2.node.dc1.consul. 0 A 10.0.0.2"}
	both := func(owner, service string, ports ...int) []string {
		var out []string
		for i, p := range ports {
			out = append(out, fmt.Sprintf("%s 0 SRV 1 1 %d n%d.node.dc1.consul.", owner, p, i+1))
		}
		return out
	}
	w.try(t,
		row{ask: "_web._tcp.service.consul. SRV", code: "NOERROR aa", answer: both("_web._tcp.service.consul.", "web", 80, 81), extra: glue},
		row{ask: "_Web._UDP.service.consul. SRV", code: "NOERROR aa", answer: both("_Web._UDP.service.consul.", "web", 80, 81), extra: glue},
		row{ask: "_web._http.service.dc1.consul. SRV", code: "NOERROR aa", answer: both("_web._http.service.dc1.consul.", "web", 80), extra: glue[:1]},
		row{ask: "_web._tcp.service.consul. A", code: "NOERROR aa", answer: []string{"_web._tcp.service.consul. 0 A 10.0.0.1", "_web._tcp.service.consul. 0 A 10.0.0.2"}},
		row{ask: "_web._none.service.consul. SRV", code: "NXDOMAIN aa", ns: negative},
		// _udp is a tag where an instance has it; _tcp never is.
		row{ask: "_dns._udp.service.consul. SRV", code: "NOERROR aa", answer: both("_dns._udp.service.consul.", "dns", 53), extra: glue[:1]},
		row{ask: "_dns._tcp.service.consul. SRV", code: "NOERROR aa", answer: both("_dns._tcp.service.consul.", "dns", 53, 53), extra: glue},
		// A resolver that asks label by label comes by here.
		row{ask: "_tcp.service.consul. A", code: "NOERROR aa", ns: negative},
	)
}

func TestHealth(t *testing.T) {
	w := newWorld(t,
		in(runs(at("n1", "10.0.0.1"), "web", 80), cluster.Passing),
		in(weighs(runs(at("n2", "10.0.0.2"), "web", 80), 5, 2), cluster.Warning),
		in(runs(at("n3", "10.0.0.3"), "web", 80), cluster.Critical),
		in(at("n4", "10.0.0.4"), cluster.Critical),
		in(runs(at("n4", "10.0.0.4"), "web", 80), cluster.Passing),
		weighs(runs(at("n5", "10.0.0.5"), "web", 80), 7, 0),
		in(weighs(runs(at("n6", "10.0.0.6"), "draining", 80), 7, 0), cluster.Warning),
		in(runs(at("n1", "10.0.0.1"), "dead", 80), cluster.Critical),
	)
	passing := []string{"web.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul.", "web.service.consul. 0 SRV 1 7 80 n5.node.dc1.consul."}
	glue := []string{"n1.node.dc1.consul. 0 A 10.0.0.1", "n5.node.dc1.consul. 0 A 10.0.0.5"}
	w.try(t,
		row{
			ask: "web.service.consul. SRV", code: "NOERROR aa", answer: append([]string{"web.service.consul. 0 SRV 1 2 80 n2.node.dc1.consul."}, passing...),
			extra: append([]string{"n2.node.dc1.consul. 0 A 10.0.0.2"}, glue...),
		},
		row{
			ask: "draining.service.consul. SRV", code: "NOERROR aa", answer: []string{"draining.service.consul. 0 SRV 1 0 80 n6.node.dc1.consul."},
			extra: []string{"n6.node.dc1.consul. 0 A 10.0.0.6"},
		},
		row{ask: "dead.service.consul. A", code: "NXDOMAIN aa", ns: negative},
		// Nodes are answered whatever their health.
		row{ask: "n4.node.consul. A", code: "NOERROR aa", answer: []string{"n4.node.consul. 0 A 10.0.0.4"}},
	)
	w.OnlyPassing = true
	w.try(t,
		row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: passing, extra: glue},
		row{ask: "draining.service.consul. SRV", code: "NXDOMAIN aa", ns: negative},
	)
}

func TestInstancesElsewhere(t *testing.T) {
	w := newWorld(t,
		on(runs(at("n1", "10.0.0.1"), "own", 80), "10.9.9.9"),
		on(runs(at("n2", "10.0.0.2"), "own", 80), "fd00::9"),
		on(runs(at("n1", "10.0.0.1"), "same", 80), "10.0.0.1"),
		on(runs(at("n1", "10.0.0.1"), "named", 443), "www.example.com"),
		on(runs(at("n1", "10.0.0.1"), "mixed", 1), "www.example.com"),
		runs(at("n2", "10.0.0.2"), "mixed", 2),
		runs(at("ext", "db.example.com."), "db", 5432),
		on(runs(at("n1", "10.0.0.1"), "inside", 80), "own.service.consul"),
		on(runs(at("n1", "10.0.0.1"), "loop", 80), "loop.service.consul"),
		runs(at("bad name\\", "10.0.0.7"), "odd", 80),
		on(runs(at("n1", "10.0.0.1"), "junk", 80), "not..a.name"),
		on(runs(at("n1", "10.0.0.1"), "mapped", 80), "::ffff:10.0.0.8"),
	)
	w.try(t,
		row{ask: "own.service.consul. A", code: "NOERROR aa", answer: []string{"own.service.consul. 0 A 10.9.9.9"}},
		row{ask: "own.service.consul. AAAA", code: "NOERROR aa", answer: []string{"own.service.consul. 0 AAAA fd00::9"}},
		row{ask: "own.service.consul. SRV", code: "NOERROR aa", answer: []string{
			"own.service.consul. 0 SRV 1 1 80 0a090909.addr.dc1.consul.",
			"own.service.consul. 0 SRV 1 1 80 fd000000000000000000000000000009.addr.dc1.consul.",
		}, extra: []string{"0a090909.addr.dc1.consul. 0 A 10.9.9.9", "fd000000000000000000000000000009.addr.dc1.consul. 0 AAAA fd00::9"}},
		row{
			ask: "same.service.consul. SRV", code: "NOERROR aa", answer: []string{"same.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul."},
			extra: []string{"n1.node.dc1.consul. 0 A 10.0.0.1"},
		},
		row{ask: "named.service.consul. A", code: "NOERROR aa", answer: []string{"named.service.consul. 0 CNAME www.example.com."}},
		row{ask: "named.service.consul. CNAME", code: "NOERROR aa", answer: []string{"named.service.consul. 0 CNAME www.example.com."}},
		row{ask: "named.service.consul. SRV", code: "NOERROR aa", answer: []string{"named.service.consul. 0 SRV 1 1 443 www.example.com."}},
		row{ask: "db.service.consul. AAAA", code: "NOERROR aa", answer: []string{"db.service.consul. 0 CNAME db.example.com."}},
		row{ask: "db.service.consul. SRV", code: "NOERROR aa", answer: []string{"db.service.consul. 0 SRV 1 1 5432 db.example.com."}},
		// A CNAME stands alone: names give way to addresses, of either family.
		row{ask: "mixed.service.consul. A", code: "NOERROR aa", answer: []string{"mixed.service.consul. 0 A 10.0.0.2"}},
		row{ask: "mixed.service.consul. AAAA", code: "NOERROR aa", ns: negative},
		// A name of ours is followed.
		row{ask: "inside.service.consul. A", code: "NOERROR aa", answer: []string{
			"inside.service.consul. 0 CNAME own.service.consul.", "own.service.consul. 0 A 10.9.9.9",
		}},
		row{
			ask: "inside.service.consul. SRV", code: "NOERROR aa", answer: []string{"inside.service.consul. 0 SRV 1 1 80 own.service.consul."},
			extra: []string{"own.service.consul. 0 A 10.9.9.9", "own.service.consul. 0 AAAA fd00::9"},
		},
		row{
			ask: "loop.service.consul. A edns=4096", code: "NOERROR aa", extra: []string{"OPT 4096"},
			answer: slices.Repeat([]string{"loop.service.consul. 0 CNAME loop.service.consul."}, 1+maxAliases),
		},
		// What is no name in DNS does not spoil the message.
		row{
			ask: "odd.service.consul. SRV", code: "NOERROR aa", answer: []string{"odd.service.consul. 0 SRV 1 1 80 0a000007.addr.dc1.consul."},
			extra: []string{"0a000007.addr.dc1.consul. 0 A 10.0.0.7"},
		},
		row{ask: "junk.service.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "junk.service.consul. SRV", code: "NOERROR aa", ns: negative},
		row{ask: "mapped.service.consul. A", code: "NOERROR aa", answer: []string{"mapped.service.consul. 0 A 10.0.0.8"}},
	)
}

func TestOnceEach(t *testing.T) {
	w := newWorld(t,
		runs(at("n1", "10.0.0.1"), "web", 80), runs(at("n1", "10.0.0.1"), "web", 81),
		on(runs(at("n2", "10.0.0.2"), "web", 80), "10.0.0.3"), on(runs(at("n4", "10.0.0.4"), "web", 80), "10.0.0.3"),
	)
	w.try(t,
		row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1", "web.service.consul. 0 A 10.0.0.3"}},
		row{ask: "web.service.consul. SRV", code: "NOERROR aa", answer: []string{
			"web.service.consul. 0 SRV 1 1 80 0a000003.addr.dc1.consul.",
			"web.service.consul. 0 SRV 1 1 80 n1.node.dc1.consul.",
			"web.service.consul. 0 SRV 1 1 81 n1.node.dc1.consul.",
		}, extra: []string{"0a000003.addr.dc1.consul. 0 A 10.0.0.3", "n1.node.dc1.consul. 0 A 10.0.0.1"}},
	)
}

func TestTTL(t *testing.T) {
	w := newWorld(t,
		runs(at("n1", "10.0.0.1"), "web", 80), runs(at("n1", "10.0.0.1"), "web-api", 80), runs(at("n1", "10.0.0.1"), "other", 80),
	)
	w.NodeTTL, w.SOAMinTTL = 7*time.Second, 11
	w.ServiceTTL = map[string]time.Duration{"Web": 3 * time.Second, "web*": 4 * time.Second, "*": 5 * time.Second}
	soa := []string{"consul. 11 SOA ns.consul. hostmaster.consul. 3600 600 86400 11"}
	w.try(t,
		row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 3 A 10.0.0.1"}},
		row{ask: "WEB-API.service.consul. A", code: "NOERROR aa", answer: []string{"WEB-API.service.consul. 4 A 10.0.0.1"}},
		row{ask: "other.service.consul. A", code: "NOERROR aa", answer: []string{"other.service.consul. 5 A 10.0.0.1"}},
		row{ask: "n1.node.consul. A", code: "NOERROR aa", answer: []string{"n1.node.consul. 7 A 10.0.0.1"}},
		row{ask: "0a000001.addr.consul. A", code: "NOERROR aa", answer: []string{"0a000001.addr.consul. 7 A 10.0.0.1"}},
		row{ask: "none.service.consul. A", code: "NXDOMAIN aa", ns: soa},
		row{ask: "web.service.consul. AAAA", code: "NOERROR aa", ns: soa},
	)
	delete(w.ServiceTTL, "*")
	w.try(t, row{ask: "other.service.consul. A", code: "NOERROR aa", answer: []string{"other.service.consul. 0 A 10.0.0.1"}})
}

func TestShuffled(t *testing.T) {
	w := newWorld(t, many(3)...)
	first := map[string]int{}
	for range 300 {
		first[w.ask(t, "web.service.consul. A").Answer[0].(*dns.A).A.String()]++
	}
	for _, a := range []string{"10.0.0.0", "10.0.0.1", "10.0.0.2"} {
		if first[a] < 50 {
			t.Errorf("%s came first %d times of 300: the order is not random", a, first[a])
		}
	}
}

// many is a service "web" with n instances on as many nodes.
func many(n int) []*cluster.Register {
	var all []*cluster.Register
	for i := range n {
		all = append(all, runs(at(fmt.Sprintf("node-%03d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250)), "web", 8000))
	}
	return all
}
