package dnsapi

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

func kept(id, name string, change func(q *cluster.PreparedQuery)) *cluster.PutPreparedQuery {
	q := cluster.PreparedQuery{ID: id, Name: name, Service: cluster.QueryService{Service: "web"}}
	if change != nil {
		change(&q)
	}
	return &cluster.PutPreparedQuery{Query: q}
}

func nearly(node string, x float64) cluster.NodeCoordinate {
	return cluster.NodeCoordinate{Node: node, Coordinate: cluster.Coordinate{Vec: []float64{x, 0, 0, 0, 0, 0, 0, 0}}}
}

// queried is a world with instances of web on n1 (10 ms away), n2 (0 ms), n3 (warning, 5 ms) and n4 (critical), and some prepared queries.
func queried(t *testing.T) *world {
	t.Helper()
	w := newWorld(t,
		runs(at("n1", "10.0.0.1"), "web", 80, "v1"),
		runs(at("n2", "10.0.0.2"), "web", 81, "v2"),
		in(runs(at("n3", "fd00::3"), "web", 82, "v2"), cluster.Warning),
		in(runs(at("n4", "10.0.0.4"), "web", 83, "v1"), cluster.Critical),
		on(runs(at("n1", "10.0.0.1"), "alias", 443), "geo.query.consul"),
	)
	for _, cmd := range []cluster.Command{
		&cluster.UpdateCoordinates{Updates: []cluster.NodeCoordinate{nearly("n1", 0.010), nearly("n2", 0), nearly("n3", 0.005)}},
		kept("11111111-2222-3333-4444-555555555555", "geo", func(q *cluster.PreparedQuery) { q.DNS.TTL = "17s" }),
		kept("id2", "with.dots", func(q *cluster.PreparedQuery) { q.Service.OnlyPassing, q.Service.Tags = true, []string{"!v1"} }),
		kept("id3", "any-", func(q *cluster.PreparedQuery) {
			q.Template.Type, q.Service.Service, q.DNS.TTL = cluster.TemplateByPrefix, "${name.suffix}", "0s"
		}),
		kept("id4", "near-n1", func(q *cluster.PreparedQuery) { q.Service.Near, q.Service.OnlyPassing = "n1", true }),
		kept("id5", "near-me", func(q *cluster.PreparedQuery) { q.Service.Near, q.Service.OnlyPassing = "_ip", true }),
		kept("id6", "near-agent", func(q *cluster.PreparedQuery) { q.Service.Near, q.Service.OnlyPassing = "_agent", true }),
		kept("id7", "broken-", func(q *cluster.PreparedQuery) {
			q.Template.Type, q.Service.Service = cluster.TemplateByPrefix, "${of.a.newer.version}"
		}),
	} {
		w.do(t, cmd)
	}
	w.Node = "n2"
	w.ServiceTTL = map[string]time.Duration{"web": 5 * time.Second}
	return w
}

func TestPreparedQuery(t *testing.T) {
	w := queried(t)
	w.try(t,
		row{ask: "geo.query.consul. A", code: "NOERROR aa", answer: []string{"geo.query.consul. 17 A 10.0.0.1", "geo.query.consul. 17 A 10.0.0.2"}},
		row{ask: "GEO.Query.DC1.consul. AAAA", code: "NOERROR aa", answer: []string{"GEO.Query.DC1.consul. 17 AAAA fd00::3"}},
		row{ask: "geo.query.dc1.dc.consul. SRV", code: "NOERROR aa", answer: []string{
			"geo.query.dc1.dc.consul. 17 SRV 1 1 80 n1.node.dc1.consul.", "geo.query.dc1.dc.consul. 17 SRV 1 1 81 n2.node.dc1.consul.", "geo.query.dc1.dc.consul. 17 SRV 1 1 82 n3.node.dc1.consul.",
		}, extra: []string{"n1.node.dc1.consul. 17 A 10.0.0.1", "n2.node.dc1.consul. 17 A 10.0.0.2", "n3.node.dc1.consul. 17 AAAA fd00::3"}},
		row{
			ask: "_with.dots._tcp.query.consul. SRV", code: "NXDOMAIN aa", ns: negative,
		},
		row{ask: "with.dots.query.consul. A", code: "NOERROR aa", answer: []string{"with.dots.query.consul. 5 A 10.0.0.2"}},
		row{ask: "_any-web._tcp.query.consul. AAAA", code: "NOERROR aa", answer: []string{"_any-web._tcp.query.consul. 0 AAAA fd00::3"}},
		row{ask: "11111111-2222-3333-4444-555555555555.query.consul. AAAA", code: "NOERROR aa", answer: []string{"11111111-2222-3333-4444-555555555555.query.consul. 17 AAAA fd00::3"}},
		row{ask: "alias.service.consul. AAAA", code: "NOERROR aa", answer: []string{"alias.service.consul. 0 CNAME geo.query.consul.", "geo.query.consul. 17 AAAA fd00::3"}},

		row{ask: "geo.query.consul. TXT", code: "NOERROR aa", ns: negative},
		row{ask: "any-none.query.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "none.query.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "id3.query.consul. A", code: "SERVFAIL"}, // a template, by its ID
		row{ask: "broken-web.query.consul. A", code: "SERVFAIL"},
		row{ask: "geo.query.dc2.consul. A", code: "NXDOMAIN aa", ns: negative},
		row{ask: "query.consul. A", code: "NOERROR aa", ns: negative},
		row{ask: "_tcp.query.consul. A", code: "NOERROR aa", ns: negative},
	)
}

// TestPreparedQueryOrder holds that the records come in the order of the query, for whoever asks.
func TestPreparedQueryOrder(t *testing.T) {
	w := queried(t)
	for _, c := range []struct {
		name, client, subnet string
		want                 string
		scope                uint8
	}{
		{"near-n1", "", "", "10.0.0.1", 0},
		{"near-agent", "10.0.0.1", "10.0.0.1", "10.0.0.2", 0},
		{"near-me", "10.0.0.1", "", "10.0.0.1", 0},
		{"near-me", "::ffff:10.0.0.2", "", "10.0.0.2", 0},
		{"near-me", "10.0.0.2", "10.0.0.1", "10.0.0.1", 32},
	} {
		w.client, _ = netip.ParseAddr(c.client)
		req := new(dns.Msg).SetQuestion(c.name+".query.consul.", dns.TypeA)
		if c.subnet != "" {
			req.SetEdns0(1232, false)
			req.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: net.ParseIP(c.subnet).To4()}}
		}
		m := w.replyTo(t, req)
		if len(m.Answer) != 2 || m.Answer[0].(*dns.A).A.String() != c.want {
			t.Errorf("%s asked from %q for %q: %v, want %s first", c.name, c.client, c.subnet, m.Answer, c.want)
		}
		if s := subnet(m.IsEdns0()); c.subnet != "" && (s == nil || s.SourceScope != c.scope) {
			t.Errorf("%s for %q: subnet %v, want scope %d", c.name, c.subnet, s, c.scope)
		}
	}
}
